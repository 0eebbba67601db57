"""Which GPUs a gang gets. `PackedNodes` knows nodes, `SpreadGpus` only counts; both place and release without walking the pool.

Nodes lie in stacks by free GPU count, each node knowing its height in its stack, so taking the fullest node that still fits and moving
a node between stacks cost the same in a pool of ten nodes or ten thousand. A bit mask of the non-empty stacks finds the fit.
"""

from typing import Protocol

Place = int | list[int] | None
"""A node, a list of whole nodes, or None where nodes do not matter."""


class Placement(Protocol):
    """What a pool asks of its GPUs. `free` counts GPUs on which a gang could be placed."""

    free: int
    capacity: int

    def take(self, gpus: int) -> Place | bool:
        """Take GPUs for a gang; False when it does not fit now."""
        ...

    def release(self, gpus: int, place: Place) -> None: ...

    def fits(self, gpus: int) -> bool:
        """Whether `take` would succeed now."""
        ...

    def add_nodes(self, count: int) -> None: ...


class PackedNodes:
    """Up to a node's GPUs on one node (the fullest that fits, the most recently used first), beyond that on whole nodes."""

    def __init__(self, nodes: int, gpus_per_node: int) -> None:
        self.gpus_per_node = gpus_per_node
        self.free = self.capacity = 0
        self._free_of: list[int] = []
        self._height: list[int] = []
        self._stacks: list[list[int]] = [[] for _ in range(gpus_per_node + 1)]
        self._mask = 0
        self.add_nodes(nodes)

    def fits(self, gpus: int) -> bool:
        if gpus <= self.gpus_per_node:
            return bool(self._mask >> gpus)
        return len(self._stacks[self.gpus_per_node]) * self.gpus_per_node >= gpus

    def add_nodes(self, count: int) -> None:
        full = self._stacks[self.gpus_per_node]
        for _ in range(count):
            self._height.append(len(full))
            full.append(len(self._free_of))
            self._free_of.append(self.gpus_per_node)
        self.capacity += count * self.gpus_per_node
        self.free += count * self.gpus_per_node
        if full:
            self._mask |= 1 << self.gpus_per_node

    def take(self, gpus: int) -> Place | bool:
        size = self.gpus_per_node
        if gpus > size:
            return self._take_whole(-(-gpus // size))
        fits = self._mask >> gpus
        if not fits:
            return False
        count = gpus + (fits & -fits).bit_length() - 1
        stack = self._stacks[count]
        node = stack.pop()
        if not stack:
            self._mask &= ~(1 << count)
        left = count - gpus
        self._free_of[node] = left
        stack = self._stacks[left]
        self._height[node] = len(stack)
        stack.append(node)
        self._mask |= 1 << left
        self.free -= gpus
        return node

    def _take_whole(self, count: int) -> Place | bool:
        size = self.gpus_per_node
        full = self._stacks[size]
        if len(full) < count:
            return False
        nodes = full[-count:]
        del full[-count:]
        if not full:
            self._mask &= ~(1 << size)
        empty = self._stacks[0]
        for node in nodes:
            self._free_of[node] = 0
            self._height[node] = len(empty)
            empty.append(node)
        self._mask |= 1
        self.free -= count * size
        return nodes

    def release(self, gpus: int, place: Place) -> None:
        if isinstance(place, list):
            for node in place:
                self._move(node, self.gpus_per_node)
            self.free += len(place) * self.gpus_per_node
        elif place is not None:
            self._move(place, self._free_of[place] + gpus)
            self.free += gpus

    def _move(self, node: int, to: int) -> None:
        count = self._free_of[node]
        stack = self._stacks[count]
        last = stack.pop()
        if last != node:  # the last one fills the gap
            height = self._height[node]
            stack[height] = last
            self._height[last] = height
        if not stack:
            self._mask &= ~(1 << count)
        self._free_of[node] = to
        stack = self._stacks[to]
        self._height[node] = len(stack)
        stack.append(node)
        self._mask |= 1 << to

    def alone_on(self, node: int, gpus: int) -> bool:
        """Whether a gang of `gpus` has this node to itself."""
        return self._free_of[node] + gpus == self.gpus_per_node

    def next_whole_node(self) -> int | None:
        """The free node that would be taken next, or None."""
        full = self._stacks[self.gpus_per_node]
        return full[-1] if full else None

    def whole_node_free(self, node: int) -> bool:
        return self._free_of[node] == self.gpus_per_node


class SpreadGpus:
    """Any free GPUs serve any gang: a pool is one number."""

    def __init__(self, nodes: int, gpus_per_node: int) -> None:
        self.gpus_per_node = gpus_per_node
        self.free = self.capacity = nodes * gpus_per_node

    def fits(self, gpus: int) -> bool:
        return gpus <= self.free

    def add_nodes(self, count: int) -> None:
        self.free += count * self.gpus_per_node
        self.capacity += count * self.gpus_per_node

    def take(self, gpus: int) -> Place | bool:
        if gpus > self.free:
            return False
        self.free -= gpus
        return None

    def release(self, gpus: int, place: Place) -> None:  # noqa: ARG002
        self.free += gpus
