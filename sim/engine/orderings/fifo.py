"""First come, first served."""

from collections import deque
from itertools import islice

from sim.engine.orderings.queueing import Queueing


class Fifo:
    """A deque; rows of the job table are in order of arrival."""

    def __init__(self, queueing: Queueing) -> None:  # noqa: ARG002  every ordering is built from it
        self._queue: deque[int] = deque()
        self.push, self.pop = self._queue.append, self._queue.popleft
        self.remove = self._queue.remove  # of a job near the head: a backfilled queue looks no further

    def __len__(self) -> int:
        return len(self._queue)

    def head(self) -> int:
        return self._queue[0]

    def again(self, job: int) -> None:
        ahead = 0  # those ahead were interrupted too, so they are few
        while ahead < len(self._queue) and self._queue[ahead] < job:
            ahead += 1
        self._queue.insert(ahead, job)

    def behind(self, count: int) -> list[int]:
        return list(islice(self._queue, 1, 1 + count))
