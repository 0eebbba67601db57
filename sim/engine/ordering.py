"""In which order a pool's queue is served. An ordering is a small class, found by the name used in ``policy.queue.order``."""

from collections import deque
from heapq import heappop, heappush
from typing import Protocol

from sim.demand.table import JobTable, cells


class Ordering(Protocol):
    """Waiting jobs by their row in the table; `head` is the next to start, and none overtakes it."""

    def __len__(self) -> int: ...

    def push(self, job: int) -> None: ...

    def head(self) -> int: ...

    def pop(self) -> int: ...

    def again(self, job: int) -> None:
        """Queue an interrupted job: where it would stand had it not been started."""
        ...


class Fifo:
    """First come, first served."""

    def __init__(self, jobs: JobTable) -> None:  # noqa: ARG002  every ordering is built from the table
        self._queue: deque[int] = deque()
        self.push, self.pop = self._queue.append, self._queue.popleft

    def __len__(self) -> int:
        return len(self._queue)

    def head(self) -> int:
        return self._queue[0]

    def again(self, job: int) -> None:
        ahead = 0  # rows are in order of arrival; those ahead were interrupted too, so they are few
        while ahead < len(self._queue) and self._queue[ahead] < job:
            ahead += 1
        self._queue.insert(ahead, job)


class Priority:
    """Highest priority first; first come, first served among equals."""

    def __init__(self, jobs: JobTable) -> None:
        self._priority = cells(jobs.priority)
        self._queue: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, job: int) -> None:
        heappush(self._queue, (-self._priority[job], job))

    def head(self) -> int:
        return self._queue[0][1]

    def pop(self) -> int:
        return heappop(self._queue)[1]

    def again(self, job: int) -> None:
        self.push(job)


ORDERINGS: dict[str, type[Fifo] | type[Priority]] = {"fifo": Fifo, "priority": Priority}
