"""Conservative backfilling: every job in the window has a place in a plan, nodes and start, and whoever comes later delays none of them.

A plan holds what each node is committed to: running gangs until their estimated ends, waiting ones from their planned start on. When a run
ends early or nodes come, plans are moved forward one after another, each where all others leave room; none is ever moved back.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sim.engine.backfill.room import Room
from sim.engine.placement import PackedNodes

WHOLE = -1
"""The one node of a pool whose GPUs are only counted."""


class Commitment(NamedTuple):
    """GPUs of a node that a job has, or is to have, over a span."""

    from_s: float
    to_s: float
    gpus: int


class Conservative:
    """Backfill on one pool."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = room.placement.gpus_per_node
        self._nodes: dict[int, dict[int, Commitment]] = {}
        self._on: dict[int, tuple[int, ...]] = {}
        self.planned_s: dict[int, float] = {}
        """Planned start of each waiting job that has one, in the order in which they were planned."""
        self._moved = False

    def began(self, job: int) -> None:
        self._forget(job)
        place, now = self._room.places[job], self._room.clock._now
        nodes = tuple(place) if isinstance(place, list) else (WHOLE,) if place is None else (place,)
        self._commit(job, nodes, Commitment(now, self._room.ends_s(job), self._on_each(job, nodes)))

    def ended(self, job: int) -> None:
        commitments = self._nodes[self._on[job][0]]
        self._moved |= commitments[job].to_s > self._room.clock._now
        self._forget(job)

    def serve(self) -> None:
        """Move plans forward where something ended early or nodes changed, plan who came into the window, start whose time has come."""
        self._know_overdue()
        if self._moved or not self._nodes_hold():
            self._moved = False
            while self._moved_forward():
                pass
        if self._room.queue:
            for job in (self._room.queue.head(), *self._room.queue.behind(self._room.window)):
                if job not in self.planned_s:
                    self._plan(job)
        self._start_due()

    def _moved_forward(self) -> bool:
        """Plan every waiting job anew where others leave room; whether one was moved, so that those ahead of it may have more room."""
        before = dict(self.planned_s)
        for job in before:
            self._forget(job)
            self._plan(job)
        return any(start < before[job] for job, start in self.planned_s.items())

    def arrived(self, job: int) -> None:
        if len(self.planned_s) <= self._room.window:
            self._know_overdue()
            self._plan(job)
            self._start_due()

    def withdrawn(self, job: int) -> None:
        self._moved = True
        self._forget(job)

    def _start_due(self) -> None:
        room, placement = self._room, self._room.placement
        for job in [job for job, start in self.planned_s.items() if start <= room.clock._now]:
            nodes, gpus = self._on[job], room.gpus[job]
            if not isinstance(placement, PackedNodes):
                place = placement.take(gpus)
            elif all(placement.is_open(node) and placement.free_on(node) >= self._on_each(job, nodes) for node in nodes):
                place = list(nodes) if gpus > self._size else nodes[0]
                placement.take_at(gpus, place)
            else:
                place = False  # somebody runs longer than was estimated
            if place is not False:
                room.start(job, place)

    # The plan

    def _on_each(self, job: int, nodes: tuple[int, ...]) -> int:
        gpus = self._room.gpus[job]
        return self._size if nodes[0] != WHOLE and gpus > self._size else gpus

    def _commit(self, job: int, nodes: tuple[int, ...], commitment: Commitment) -> None:
        self._on[job] = nodes
        for node in nodes:
            self._nodes.setdefault(node, {})[job] = commitment

    def _forget(self, job: int) -> None:
        self.planned_s.pop(job, None)
        for node in self._on.pop(job, ()):
            del self._nodes[node][job]

    def _know_overdue(self) -> None:
        """A run that is late by some time is expected to take as long again."""
        now = self._room.clock._now
        for commitments in self._nodes.values():
            for job, (start, end, gpus) in commitments.items():
                if end < now and job not in self.planned_s:
                    commitments[job] = Commitment(start, now + (now - end), gpus)
                    self._moved = True

    def _nodes_hold(self) -> bool:
        """Whether every planned node still takes gangs."""
        placement = self._room.placement
        if not isinstance(placement, PackedNodes):
            return True
        return all(placement.is_open(node) for job in self.planned_s for node in self._on[job])

    def _plan(self, job: int) -> None:
        """Give the job the earliest start that others leave room for, on nodes that are there; none where there is no such node."""
        found = self._earliest(self._room.gpus[job], self._room.estimate_s(job))
        if found is not None:
            start, nodes = found
            self.planned_s[job] = start
            end = start + self._room.estimate_s(job)
            self._commit(job, nodes, Commitment(start, end, self._on_each(job, nodes)))

    def _earliest(self, gpus: int, lasts_s: float) -> tuple[float, tuple[int, ...]] | None:
        placement = self._room.placement
        if not isinstance(placement, PackedNodes):
            at = self._earliest_on(WHOLE, placement.capacity - gpus, lasts_s)
            return None if at is None else (at, (WHOLE,))
        count, each = (-(-gpus // self._size), self._size) if gpus > self._size else (1, gpus)
        here = [node for node in range(placement.nodes) if placement.is_open(node)]
        if len(here) < count:
            return None
        if count == 1:
            at_node = [(at, node) for node in here if (at := self._earliest_on(node, self._size - each, lasts_s)) is not None]
            at, node = min(at_node)
            return at, (node,)
        for at in self._times(here):
            free = [node for node in here if self._fits(node, 0, at, lasts_s)]
            if len(free) >= count:
                return at, tuple(free[:count])
        return None

    def _times(self, nodes: list[int]) -> Iterator[float]:
        """Now, and whenever a commitment ends."""
        now = self._room.clock._now
        ends = {one.to_s for node in nodes for one in self._nodes.get(node, {}).values() if one.to_s > now}
        yield now
        yield from sorted(ends)

    def _earliest_on(self, node: int, most: int, lasts_s: float) -> float | None:
        """The first time from which no more than `most` GPUs of the node are committed for so long."""
        if most < 0:
            return None
        return next((at for at in self._times([node]) if self._fits(node, most, at, lasts_s)), None)

    def _fits(self, node: int, most: int, at_s: float, lasts_s: float) -> bool:
        overlapping = [one for one in self._nodes.get(node, {}).values() if one.from_s < at_s + lasts_s and one.to_s > at_s]
        if sum(one.gpus for one in overlapping) <= most:
            return True
        if not most:
            return False
        levels = [max(one.from_s, at_s) for one in overlapping]
        return all(sum(one.gpus for one in overlapping if one.from_s <= time < one.to_s) <= most for time in levels)
