"""Nodes that idle warm, kept so that how many there are, and which goes back first, is known without a look at each."""

from heapq import heappop, heappush


class WarmNodes:
    """Free nodes that are still leased, and until when each would be kept."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}
        self._first: list[tuple[float, int]] = []  # a heap; nodes that are warm no more stay in it until they come first

    def __len__(self) -> int:
        return len(self._until)

    def add(self, node: int, until: float) -> None:
        self._until[node] = until
        heappush(self._first, (until, node))

    def discard(self, node: int) -> None:
        self._until.pop(node, None)

    def until(self, node: int) -> float:
        """Until when the node would be kept; 0 where it is not warm."""
        return self._until.get(node, 0.0)

    def first(self) -> tuple[float, int]:
        """Who goes back first, of those that there are: until when it would be kept, and which node it is."""
        first = self._first
        while self._until.get(first[0][1]) != first[0][0]:
            heappop(first)
        return first[0]

    def forget_before(self, now: float) -> None:
        """Leave out those that went back before `now`."""
        while self._until and self.first()[0] < now:
            del self._until[heappop(self._first)[1]]
