"""Which GPUs a gang gets. `PackedNodes` knows nodes, `SpreadGpus` only counts; both place and release without walking the pool.

Nodes lie in stacks by free GPU count, each node knowing its height in its stack, so taking the fullest node that still fits and moving
a node between stacks cost the same in a pool of ten nodes or ten thousand. A bit mask of the non-empty stacks finds the fit.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

Place = int | list[int] | None
"""A node, a list of whole nodes, or None where nodes do not matter."""


def nodes_of(place: Place) -> Sequence[int]:
    return place if isinstance(place, list) else () if place is None else (place,)


class Placement(Protocol):
    """What a pool asks of its GPUs. `free` and `capacity` count those on which a gang may be placed, `changes` how often nodes were added,
    closed or opened."""

    capacity: int
    changes: int

    @property
    def free(self) -> int: ...

    @property
    def nodes(self) -> int:
        """Nodes that ever were here, open or closed."""
        ...

    def take(self, gpus: int) -> Place | bool:
        """Take GPUs for a gang; False when it does not fit now."""
        ...

    def release(self, gpus: int, place: Place) -> None: ...

    def fits(self, gpus: int) -> bool:
        """Whether `take` would succeed now."""
        ...

    def add_nodes(self, count: int) -> None: ...


class PackedNodes:
    """Up to a node's GPUs on one node (the fullest that fits, the most recently used first), beyond that on whole nodes.

    A closed node keeps its gangs and takes no new ones. Its stack is another: `_level` counts free GPUs, plus `_open` for a node that is
    open, so that a release moves open and closed nodes alike and only the open ones' stacks are ever searched.
    """

    def __init__(self, nodes: int, gpus_per_node: int) -> None:
        self.gpus_per_node = gpus_per_node
        self.capacity = self.changes = 0
        self._open = gpus_per_node + 1
        self._full = self._open + gpus_per_node
        self._level: list[int] = []
        self._height: list[int] = []
        self._stacks: list[list[int]] = [[] for _ in range(self._full + 1)]
        self._mask = 0
        self._closed: Counter[int] = Counter()
        self._aside = 0
        self.add_nodes(nodes)

    @property
    def free(self) -> int:
        """GPUs of open nodes that no gang has."""
        return sum(count * len(self._stacks[self._open + count]) for count in range(1, self.gpus_per_node + 1))

    @property
    def nodes(self) -> int:
        """Nodes that ever were here, open or closed; the next to come has this number."""
        return len(self._level)

    def fits(self, gpus: int) -> bool:
        if gpus <= self.gpus_per_node:
            return bool(self._mask >> (gpus + self._open))
        return len(self._stacks[self._full]) * self.gpus_per_node >= gpus

    def add_nodes(self, count: int) -> None:
        full = self._stacks[self._full]
        for _ in range(count):
            self._height.append(len(full))
            full.append(len(self._level))
            self._level.append(self._full)
        self.capacity += count * self.gpus_per_node
        self.changes += 1
        if full:
            self._mask |= 1 << self._full

    def close(self, node: int) -> None:
        """Give the node to no new gang; those on it stay. A node closed twice must be opened twice."""
        self._closed[node] += 1
        if self._closed[node] > 1:
            return
        self._move(node, self._level[node] - self._open)
        self.capacity -= self.gpus_per_node
        self.changes += 1

    def open(self, node: int) -> None:
        """Let gangs have a closed node's free GPUs again, where nothing else has it closed."""
        self._closed[node] -= 1
        if self._closed[node]:
            return
        self._move(node, self._level[node] + self._open)
        self.capacity += self.gpus_per_node
        self.changes += 1

    def set_aside(self, nodes: Sequence[int]) -> None:
        """Close open nodes for a moment, to give gangs others; those of them that are free count as free all the same."""
        self._aside = sum(map(self.whole_node_free, nodes))
        for node in nodes:
            self.close(node)

    def take_back(self, nodes: Sequence[int]) -> None:
        """Open nodes that were set aside."""
        self._aside = 0
        for node in nodes:
            self.open(node)

    def is_open(self, node: int) -> bool:
        """Whether gangs may be placed on the node."""
        return self._level[node] >= self._open

    def open_nodes(self) -> list[int]:
        """By number."""
        return [node for node, level in enumerate(self._level) if level >= self._open]

    def free_on(self, node: int) -> int:
        """GPUs of an open node that no gang has."""
        return self._level[node] - self._open

    def take_at(self, gpus: int, place: Place) -> None:
        """Take GPUs on these very nodes, which must have them free."""
        if isinstance(place, list):
            for node in place:
                self._move(node, self._open)
        elif place is not None:
            self._move(place, self._level[place] - gpus)

    def take(self, gpus: int) -> Place | bool:
        size = self.gpus_per_node
        if gpus > size:
            return self._take_whole(-(-gpus // size))
        least = gpus + self._open
        fits = self._mask >> least
        if not fits:
            return False
        level = least + (fits & -fits).bit_length() - 1
        stack = self._stacks[level]
        node = stack.pop()
        if not stack:
            self._mask &= ~(1 << level)
        level -= gpus
        self._level[node] = level
        stack = self._stacks[level]
        self._height[node] = len(stack)
        stack.append(node)
        self._mask |= 1 << level
        return node

    def _take_whole(self, count: int) -> Place | bool:
        full = self._stacks[self._full]
        if len(full) < count:
            return False
        nodes = full[-count:]
        del full[-count:]
        if not full:
            self._mask &= ~(1 << self._full)
        empty = self._stacks[self._open]
        for node in nodes:
            self._level[node] = self._open
            self._height[node] = len(empty)
            empty.append(node)
        self._mask |= 1 << self._open
        return nodes

    def release(self, gpus: int, place: Place) -> None:
        if isinstance(place, list):
            for node in place:
                self._move(node, self._level[node] + self.gpus_per_node)
        elif place is not None:
            self._move(place, self._level[place] + gpus)

    def _move(self, node: int, to: int) -> None:
        level = self._level[node]
        stack = self._stacks[level]
        last = stack.pop()
        if last != node:  # the last one fills the gap
            height = self._height[node]
            stack[height] = last
            self._height[last] = height
        if not stack:
            self._mask &= ~(1 << level)
        self._level[node] = to
        stack = self._stacks[to]
        self._height[node] = len(stack)
        stack.append(node)
        self._mask |= 1 << to

    def alone_on(self, node: int, gpus: int) -> bool:
        """Whether a gang of `gpus` has this node to itself."""
        return self._level[node] + gpus == self._full

    def place_for(self, gpus: int) -> Place:
        """Where `take` would put a gang that fits now."""
        if gpus > self.gpus_per_node:
            return self._stacks[self._full][-gpus // self.gpus_per_node :]
        least = gpus + self._open
        fits = self._mask >> least
        return self._stacks[least + (fits & -fits).bit_length() - 1][-1]

    def whole_node_free(self, node: int) -> bool:
        """Whether no gang is on the node, open or closed."""
        return self._level[node] in (self._full, self.gpus_per_node)

    @property
    def free_whole_nodes(self) -> int:
        """Nodes that no gang is on, open or set aside."""
        return len(self._stacks[self._full]) + self._aside

    def whole_nodes_free(self) -> list[int]:
        """Open nodes that no gang is on, the next to be taken last."""
        return list(self._stacks[self._full])


class SpreadGpus:
    """Any free GPUs serve any gang: a pool is one number."""

    def __init__(self, nodes: int, gpus_per_node: int) -> None:
        self.gpus_per_node = gpus_per_node
        self.free = self.capacity = nodes * gpus_per_node
        self.changes = 0

    @property
    def nodes(self) -> int:
        return self.capacity // self.gpus_per_node

    def fits(self, gpus: int) -> bool:
        return gpus <= self.free

    def add_nodes(self, count: int) -> None:
        self.free += count * self.gpus_per_node
        self.capacity += count * self.gpus_per_node
        self.changes += 1

    def take(self, gpus: int) -> Place | bool:
        if gpus > self.free:
            return False
        self.free -= gpus
        return None

    def release(self, gpus: int, place: Place) -> None:  # noqa: ARG002
        self.free += gpus
