"""Tasks to workers and answers back, whatever dies on the way.

Short tasks travel several at a time, so that each trip is worth `WORTH_A_TRIP_S`. A worker that dies takes a trip with it: it is made
again, up to `TRIES` times. What has had its tries waits until everything else is through and then runs with nothing beside it, one task at
a time; a task that even so ends its worker is named.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from sim.scenario.errors import InputError
from sim.study.sites import Site
from sim.study.tasks import Done, Task, pack, ready, run_chunk

WORTH_A_TRIP_S = 0.05
TRIES = 3
LOOK_AGAIN_S = 2.0
"""Whether the site is still there, where nothing ends meanwhile: a lost cluster may never say so."""


class _Trip(NamedTuple):
    """Indices of tasks that travel together, and how often they did in vain."""

    indices: tuple[int, ...]
    tries: int = 0


class _Queue:
    """What is still to be sent: tasks never sent, trips to repeat, and tasks to be run alone."""

    def __init__(self, tasks: int) -> None:
        self.unfinished = tasks
        self._fresh = iter(range(tasks))
        self._again: deque[_Trip] = deque()
        self._alone: deque[_Trip] = deque()

    def next_trip(self, size: int, *, others_fly: bool) -> _Trip | None:
        """What to send next, `size` tasks at most where they are fresh; None while there is nothing."""
        if self._again:
            return self._again.popleft()
        if indices := tuple(islice(self._fresh, size)):
            return _Trip(indices)
        return self._alone.popleft() if self._alone and not others_fly else None

    def repeat(self, trip: _Trip) -> None:
        """Take back a trip that was in vain."""
        if trip.tries + 1 < TRIES:
            self._again.append(_Trip(trip.indices, trip.tries + 1))
        else:
            self._alone.extend(_Trip((index,), TRIES) for index in trip.indices)


def make_ready(site: Site, tasks: int) -> None:
    """Have as many workers as that many tasks need start and import what a task needs; should that fail, `dispatch` will say so."""
    with suppress(*site.gone):
        for _ in range(min(site.slots, tasks)):
            site.executor.submit(ready)


def dispatch(tasks: Sequence[Task], site: Site, task_s: float) -> Iterator[tuple[int, Done]]:
    """Run every task at the site; gives its index and result in the order in which they end.

    `task_s` is about what one takes. InputError where a task cannot be run, ends its worker whatever is done, or the site is gone.
    """
    queue = _Queue(len(tasks))
    flying: dict[Future[list[Done]], _Trip] = {}
    try:
        while queue.unfinished:
            while len(flying) < 2 * site.slots:
                size = min(math.ceil(WORTH_A_TRIP_S / max(task_s, 1e-6)), math.ceil(queue.unfinished / (2 * site.slots)))
                trip = queue.next_trip(size, others_fly=bool(flying))
                if trip is None:
                    break
                flying[site.executor.submit(run_chunk, pack([tasks[index] for index in trip.indices]))] = trip
            for future in wait(flying, LOOK_AGAIN_S, FIRST_COMPLETED).done:
                trip = flying.pop(future)
                try:
                    results = future.result()
                except site.lost:
                    if trip.tries == TRIES:
                        raise _poison(tasks[trip.indices[0]], site) from None
                    queue.repeat(trip)
                    continue
                queue.unfinished -= len(results)
                for index, done in zip(trip.indices, results, strict=True):
                    task_s = 0.7 * task_s + 0.3 * done.seconds
                    yield index, done
    except site.gone:
        raise InputError.of("no longer answers; start it again, or go on without --cluster", where=site.where) from None
    finally:
        for future in flying:
            future.cancel()


def _poison(task: Task, site: Site) -> InputError:
    return InputError.of(
        f"{task.name} ended its worker process {TRIES + 1} times, the last time with nothing running beside it: "
        "most likely it needs more memory than there is; try a shorter horizon, or another machine",
        where=site.where,
    )
