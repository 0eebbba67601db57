"""Conservative backfilling: every job in the window has a place in a plan, nodes and start, and whoever comes later delays none of them.

A plan holds what each node is committed to: running gangs until their estimated ends, waiting ones from their planned start on. When a run
ends early or nodes come, plans are moved forward one after another, each where all others leave room; none is ever moved back.

A job that the nodes here can never hold is planned on those that are due too, from when they may be expected on; on a pool whose GPUs are
only counted, those that come after it are as well. Where nodes go, or are late, everybody is planned anew, and may start later than was
planned before. While nobody knows when nodes come (a quota is used up, an autoscaler has not asked), nobody behind such a job is planned.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sim.engine.backfill.room import Room
from sim.engine.placement import PackedNodes

WHOLE = -1
"""The one node of a pool whose GPUs are only counted. Numbers under it are of nodes that are due."""


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
        self._freed: set[int] = set()
        self._late = False
        self._blocked = False
        self._due: dict[int, int] = {}
        self._changes = room.placement.changes
        self._capacity = room.placement.capacity
        self._here = self._open_nodes()

    def began(self, job: int) -> None:
        self._forget(job)
        place, now = self._room.places[job], self._room.clock._now
        nodes = tuple(place) if isinstance(place, list) else (WHOLE,) if place is None else (place,)
        self._commit(job, nodes, Commitment(now, self._room.ends_s(job), self._on_each(job, nodes)))

    def ended(self, job: int) -> None:
        nodes = self._on[job]
        if self._nodes[nodes[0]][job].to_s > self._room.clock._now:
            self._freed.update(nodes)
        self._forget(job)

    def serve(self) -> None:
        """Move plans forward where something ended early or nodes changed, plan who came into the window, start whose time has come."""
        self._know_overdue()
        self._know_changed_nodes()
        while self._freed:
            self._move_forward()
        self._plan_window()
        self._start_due()

    def _plan_window(self) -> None:
        """Plan who has no place yet, in order, until the first for whom nobody knows one."""
        self._blocked = False
        if self._room.queue:
            for job in (self._room.queue.head(), *self._room.queue.behind(self._room.window)):
                if job not in self.planned_s and not self._plan(job):
                    self._blocked = True
                    return

    def _move_forward(self) -> None:
        """Plan each waiting job anew where freed nodes let it start earlier; those it leaves are free for others, and looked at next."""
        freed, self._freed = self._freed, set()
        for job, before in list(self.planned_s.items()):
            nodes = self._on[job]
            self._release(job)
            found = self._earliest(self._room.gpus[job], self._room.estimate_s(job), freed, before)
            if found is None:
                found = before, nodes
            else:
                freed |= set(nodes)
            if found[0] < before:
                self._freed.update(nodes)
            self._put(job, *found)

    def arrived(self, job: int) -> None:
        if len(self.planned_s) > self._room.window:
            return
        self._know_overdue()
        if self._late or self._blocked or self._room.placement.changes != self._changes:
            self.serve()
        else:
            self._blocked = not self._plan(job)
            self._start_due()

    def withdrawn(self, job: int) -> None:
        self._freed.update(self._on.get(job, ()))
        self._forget(job)

    def _start_due(self) -> None:
        room, placement = self._room, self._room.placement
        for job in [job for job, start in self.planned_s.items() if start <= room.clock._now]:
            nodes, gpus = self._on[job], room.gpus[job]
            if not isinstance(placement, PackedNodes):
                place = placement.take(gpus)
            elif all(node > WHOLE and placement.is_open(node) and placement.free_on(node) >= self._on_each(job, nodes) for node in nodes):
                place = list(nodes) if gpus > self._size else nodes[0]
                placement.take_at(gpus, place)
            else:
                place = False  # somebody runs longer than was estimated, or nodes are late
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
        self._release(job)

    def _release(self, job: int) -> None:
        for node in self._on.pop(job, ()):
            del self._nodes[node][job]

    def _put(self, job: int, start_s: float, nodes: tuple[int, ...]) -> None:
        self.planned_s[job] = start_s
        self._commit(job, nodes, Commitment(start_s, start_s + self._room.estimate_s(job), self._on_each(job, nodes)))

    def _know_overdue(self) -> None:
        """A run or a node that is late by some time is expected to take as long again."""
        now = self._room.clock._now
        for commitments in self._nodes.values():
            for job, (start, end, gpus) in commitments.items():
                if end < now and job not in self.planned_s:
                    commitments[job] = Commitment(start, now + (now - end), gpus)
                    self._late = True

    def _know_changed_nodes(self) -> None:
        """Where nodes went or are late, or are held longer than was estimated, plan everybody anew; let plans have those that came."""
        placement = self._room.placement
        if placement.changes == self._changes and not self._late:
            return
        before, self._here = self._here, self._open_nodes()
        had, self._capacity = self._capacity, placement.capacity
        self._changes = placement.changes
        if self._late or self._planned_on() - self._here:
            self._plan_anew()
        elif isinstance(placement, PackedNodes):
            self._take_up_nodes(self._here - before)
        elif placement.capacity > had:
            self._take_up_gpus(placement.capacity - had)

    def _planned_on(self) -> set[int]:
        """Nodes, those that are due aside, that somebody who waits is to have."""
        return {node for job in self.planned_s for node in self._on[job] if node > WHOLE}

    def _plan_anew(self) -> None:
        """In the order in which they were planned, until the first for whom nobody knows a place any more."""
        waiting = list(self.planned_s)
        for job in waiting:
            self._forget(job)
        for absent, node in self._due.items():
            del self._nodes[node][absent]
        self._due.clear()
        self._late = False
        for job in waiting:
            if not self._plan(job):
                return

    def _take_up_nodes(self, came: set[int]) -> None:
        """What was planned on the first nodes that were due is now on those that are here."""
        fresh = sorted(came)
        for (absent, due), node in zip(list(self._due.items()), (node for node in fresh if not self._nodes.get(node)), strict=False):
            del self._due[absent]
            planned = self._nodes.pop(due)
            del planned[absent]
            self._nodes[node] = planned
            for job in planned:
                self._on[job] = tuple(node if one == due else one for one in self._on[job])
        self._freed.update(fresh)

    def _take_up_gpus(self, came: int) -> None:
        """The first GPUs that were due are held no longer by who is no job."""
        for absent in list(self._due):
            still = self._nodes[WHOLE].pop(absent)
            if still.gpus > came:
                self._nodes[WHOLE][absent] = still._replace(gpus=still.gpus - came)
                break
            del self._due[absent]
            came -= still.gpus
        self._freed.add(WHOLE)

    def _open_nodes(self) -> set[int]:
        return set(self._room.placement.open_nodes()) if isinstance(self._room.placement, PackedNodes) else set()

    def _plan(self, job: int) -> bool:
        """Give the job the earliest start that others leave room for, if any, on nodes that are here or, without them, due."""
        gpus, lasts_s = self._room.gpus[job], self._room.estimate_s(job)
        found = self._earliest(gpus, lasts_s)
        if found is None and not self._due:
            self._count_on_due()
            found = self._earliest(gpus, lasts_s)
        if found is not None:
            self._put(job, *found)
        return found is not None

    def _count_on_due(self) -> None:
        """Plan with nodes that are due: until they may be expected, somebody who is no job has them."""
        packed = isinstance(self._room.placement, PackedNodes)
        for at, nodes in self._room.due():
            for count in [1] * nodes if packed else [nodes]:
                absent = WHOLE - len(self._due)
                node = self._due[absent] = absent - 1 if packed else WHOLE
                self._nodes.setdefault(node, {})[absent] = Commitment(-math.inf, at, count * self._size)

    def _earliest(
        self, gpus: int, lasts_s: float, freed: set[int] | None = None, before_s: float = math.inf
    ) -> tuple[float, tuple[int, ...]] | None:
        """The earliest start before `before_s`, and its nodes; a gang of one node looks at `freed` ones only where these are given."""
        placement = self._room.placement
        if not isinstance(placement, PackedNodes):
            due = sum(self._nodes[WHOLE][absent].gpus for absent in self._due)
            at = self._earliest_on(WHOLE, placement.capacity + due - gpus, lasts_s, before_s)
            return None if at is None else (at, (WHOLE,))
        if gpus <= self._size:
            return self._earliest_of_one(placement, range(placement.nodes) if freed is None else sorted(freed), gpus, lasts_s, before_s)
        here = placement.open_nodes()
        count = -(-gpus // self._size)
        if len(here) < count:
            here = [*self._due.values(), *here]
        for at in self._times(here) if len(here) >= count else ():
            if at >= before_s:
                return None
            free = [node for node in here if self._fits(node, 0, at, lasts_s)]
            if len(free) >= count:
                return at, tuple(free[:count])
        return None

    def _earliest_of_one(
        self, placement: PackedNodes, nodes: Iterable[int], gpus: int, lasts_s: float, before_s: float
    ) -> tuple[float, tuple[int, ...]] | None:
        soonest, where = before_s, -1
        for node in nodes:
            at = self._earliest_on(node, self._size - gpus, lasts_s, soonest) if node > WHOLE and placement.is_open(node) else None
            if at is not None:
                soonest, where = at, node
                if at <= self._room.clock._now:
                    break
        return None if where < 0 else (soonest, (where,))

    def _times(self, nodes: list[int]) -> Iterator[float]:
        """Now, and whenever a commitment ends."""
        now = self._room.clock._now
        ends = {one.to_s for node in nodes for one in self._nodes.get(node, {}).values() if one.to_s > now}
        yield now
        yield from sorted(ends)

    def _earliest_on(self, node: int, most: int, lasts_s: float, before_s: float) -> float | None:
        """The first time, before `before_s`, from which no more than `most` GPUs of the node are committed for so long."""
        if most < 0:
            return None
        for at in self._times([node]):
            if at >= before_s:
                return None
            if self._fits(node, most, at, lasts_s):
                return at
        return None

    def _fits(self, node: int, most: int, at_s: float, lasts_s: float) -> bool:
        overlapping = [one for one in self._nodes.get(node, {}).values() if one.from_s < at_s + lasts_s and one.to_s > at_s]
        if sum(one.gpus for one in overlapping) <= most:
            return True
        if not most:
            return False
        levels = [max(one.from_s, at_s) for one in overlapping]
        return all(sum(one.gpus for one in overlapping if one.from_s <= time < one.to_s) <= most for time in levels)
