"""Who runs replications: here, or over worker processes that all plans of a study share.

A `Runner` is asked for replications of any plans and gives them back in the order asked for, so that what is made of them does not
depend on where they ran or which was ready first. Ask it again for more of the same plans whenever an answer is not yet precise enough.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import NamedTuple, Self

from sim.study.preparation import Preparation
from sim.study.replication import Replication, replicate

WORTH_PROCESSES_S = 4.0
"""Work left that makes starting worker processes (about a second each) pay."""

Progress = Callable[[int, int], None]
"""Called with replications done and asked for so far."""


class Task(NamedTuple):
    """One replication of a plan."""

    preparation: Preparation
    number: int


@dataclass
class Runner:
    """`workers` processes; None takes as many as pay. Leave its ``with`` block, or `close` it, to end them."""

    workers: int | None = None
    progress: Progress | None = None
    _pool: ProcessPoolExecutor | None = field(default=None, init=False, repr=False)
    _done: int = field(default=0, init=False, repr=False)
    _asked: int = field(default=0, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def expect(self, left_s: float) -> None:
        """Tell of about this much work to come over many calls, each too small to be worth processes by itself."""
        if self.workers is None and self._workers_for(left_s) > 1:
            self.workers = self._workers_for(left_s)

    def close(self) -> None:
        """End the worker processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def replications(self, tasks: Sequence[Task]) -> Iterator[Replication]:
        """The replications asked for, in that order; InputError where one cannot be run."""
        self._asked += len(tasks)
        for replication in self._run(tasks):
            self._done += 1
            if self.progress is not None:
                self.progress(self._done, self._asked)
            yield replication

    def _run(self, tasks: Sequence[Task]) -> Iterator[Replication]:
        """The first runs here where no process is up yet: it finds what is wrong with the input, and tells how long one takes."""
        if self._pool is None and tasks:
            began = time.perf_counter()
            yield replicate(*tasks[0])
            tasks = tasks[1:]
            workers = self._workers_for((time.perf_counter() - began) * len(tasks))
            if workers == 1 or not tasks:
                yield from (replicate(*task) for task in tasks)
                return
            # Spawned, not forked: the dashboard has threads, and a forked child may inherit a lock that nobody will release.
            self._pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
        if self._pool is not None:
            yield from self._pool.map(replicate, *zip(*tasks, strict=True))

    def _workers_for(self, left_s: float) -> int:
        if self.workers is not None:
            return self.workers
        return os.cpu_count() or 1 if left_s > WORTH_PROCESSES_S else 1
