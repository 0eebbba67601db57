"""A queue in the order of a rank that each job has when it is queued; first come, first served among equals."""

from collections.abc import Callable

from sortedcontainers import SortedList


class Ranked:
    """Lowest rank first. A sorted list keeps what is behind the head in order too, which a heap does not."""

    def __init__(self, rank: Callable[[int], float]) -> None:
        self._rank = rank
        self._queue: SortedList[tuple[float, int]] = SortedList()
        self._ranks: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, job: int) -> None:
        rank = self._ranks[job] = self._rank(job)
        self._queue.add((rank, job))

    def head(self) -> int:
        job: int = self._queue[0][1]
        return job

    def pop(self) -> int:
        job: int = self._queue.pop(0)[1]
        del self._ranks[job]
        return job

    def again(self, job: int) -> None:
        self.push(job)

    def behind(self, count: int) -> list[int]:
        return [job for _, job in self._queue.islice(1, 1 + count)]

    def remove(self, job: int) -> None:
        self._queue.remove((self._ranks.pop(job), job))
