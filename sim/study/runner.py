"""Who runs replications: this process, worker processes that all plans of a study share, or a cluster.

A `Runner` is asked for replications of any plans and gives them back in the order asked for, so that what is made of them does not
depend on where they ran or which was ready first. Ask it again for more of the same plans whenever an answer is not yet precise enough:
what its store holds is not run again.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

from sim.results.statistics import estimate
from sim.study.cluster import Cluster
from sim.study.dispatch import dispatch, make_ready
from sim.study.processes import Processes
from sim.study.replication import Replication
from sim.study.sites import Site
from sim.study.store import Store
from sim.study.tasks import Done, Task, run_task

WORTH_PROCESSES_S = 2.0
"""Work left that makes starting worker processes (a third of a second each) pay."""

HEADLINE = "wait.p95"

Progress = Callable[[int, int, str], None]
"""Called with replications done, asked for so far, and how precise the headline figure is by now."""


@dataclass
class Runner:
    """`workers` processes (None: as many as pay), or the Dask `cluster` of that address.

    Leave its ``with`` block, or `close` it, to end them. Replications are kept in the `store` as they end, and those in it not run again.
    """

    workers: int | None = None
    progress: Progress | None = None
    cluster: str | None = None
    store: Store | None = None
    _site: Site | None = field(default=None, init=False, repr=False)
    _task_s: float = field(default=0.0, init=False, repr=False)
    _meter: "_Meter" = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._meter = _Meter(self.progress)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def expect(self, left_s: float) -> None:
        """Tell of about this much work to come over many calls, each too small to be worth processes by itself."""
        if self.workers is None and left_s > WORTH_PROCESSES_S:
            self.workers = os.cpu_count() or 1

    def close(self) -> None:
        """End the workers."""
        if self._site is not None:
            self._site.close()
            self._site = None

    def replications(self, tasks: Sequence[Task]) -> Iterator[Replication]:
        """The replications asked for, in that order; InputError where one cannot be run."""
        self._meter.ask(len(tasks))
        stored = [self.store is not None and task in self.store for task in tasks]
        missing = [index for index, is_stored in enumerate(stored) if not is_stored]
        running = self._run([tasks[index] for index in missing])
        ready: dict[int, Replication] = {}
        for index, task in enumerate(tasks):
            if stored[index] and self.store is not None:
                replication = self.store.read(task)
                self._meter.done(task, replication)
            else:
                while index not in ready:
                    at, done = next(running)
                    ready[missing[at]] = done.replication
                    if self.store is not None:
                        self.store.keep(tasks[missing[at]], done)
                    self._meter.done(tasks[missing[at]], done.replication)
                replication = ready.pop(index)
            yield replication

    def _run(self, tasks: Sequence[Task]) -> Iterator[tuple[int, Done]]:
        """The first runs here while workers start: it finds what is wrong with the input, and tells how long one takes."""
        if not tasks:
            return
        here = 0
        if self._site is None:
            self._site = Cluster(self.cluster) if self.cluster is not None else self._processes(len(tasks) - 1)
            if self._site is not None:
                make_ready(self._site, len(tasks) - 1)
            first = run_task(tasks[0])
            yield 0, first
            here, self._task_s = 1, first.seconds
            if self._site is None:
                self.expect(self._task_s * (len(tasks) - here))
                self._site = self._processes(len(tasks) - here)
        if self._site is not None:
            yield from ((index + here, done) for index, done in dispatch(tasks[here:], self._site, self._task_s))
        else:
            yield from ((index, run_task(task)) for index, task in enumerate(tasks[here:], start=here))

    def _processes(self, tasks: int) -> Processes | None:
        """As many as were asked for, or pay; None where the work is done as soon here, or nobody can tell yet."""
        return Processes(self.workers) if self.workers is not None and self.workers > 1 and tasks else None


class _Meter:
    """Tells how far the work is, and how precise the headline figure of the plan that is least so."""

    def __init__(self, tell: Progress | None) -> None:
        self._tell = tell
        self._done = self._asked = 0
        self._values: dict[str, list[float | None]] = {}

    def ask(self, tasks: int) -> None:
        self._asked += tasks

    def done(self, task: Task, replication: Replication) -> None:
        self._done += 1
        if self._tell is not None:
            self._values.setdefault(task.preparation.key, []).append(replication.figures.get(HEADLINE))
            self._tell(self._done, self._asked, self._precision())

    def _precision(self) -> str:
        widths = []
        for values in self._values.values():
            found = estimate(values)
            if found.mean and found.high is not None:
                widths.append((found.high - found.mean) / found.mean)
        return f"p95 wait ± {max(widths):.0%}" if widths else ""
