"""EASY backfilling: the first in line has a reservation, and whoever does not delay it may go ahead of it.

The reservation is of nodes, not only of a number of GPUs: the earliest time at which the first in line fits, by the ends that users
estimated, and the very nodes that are free for it then. A job may overtake if it is done by then, or has GPUs on other nodes. Running gangs
are kept in the order of their estimated ends, so that a reservation is a walk over those that must end before it.

A first in line that the nodes here can never hold is reserved what it needs of them for the time when enough nodes are due: others overtake
it who are done by then, or have GPUs that it will not need. It starts by its reservation where those nodes come when they are expected, or
sooner; where they are late it waits for them, and beyond that for those who overtook it by a later expectation. While nobody knows when
nodes come (a quota is used up, or an autoscaler has not asked), nobody overtakes it.
"""

import math
from bisect import bisect_left, insort
from typing import NamedTuple

from sim.engine.backfill.room import Room
from sim.engine.placement import PackedNodes, Place, SpreadGpus


class Reservation(NamedTuple):
    """`job` is to start at `until_s`: on these nodes (none by number on a spread pool), and on `coming` GPUs that are not here yet."""

    job: int
    until_s: float
    nodes: list[int]
    coming: int = 0


class Easy:
    """Backfill on one pool."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._ends: list[tuple[float, int]] = []
        self._end_of: dict[int, float] = {}
        self._reserved: Reservation | None = None

    def began(self, job: int) -> None:
        end = self._end_of[job] = self._room.ends_s(job)
        insort(self._ends, (end, job))
        self._reserved = None

    def ended(self, job: int) -> None:
        end = self._end_of.pop(job)
        del self._ends[bisect_left(self._ends, (end, job))]
        self._reserved = None

    def serve(self) -> None:
        """Start who is first in line as long as one fits; then let those behind overtake where that does not delay it."""
        self._reserved = None
        room, queue, take = self._room, self._room.queue, self._room.placement.take
        while queue:
            job = queue.head()
            place = take(room.gpus[job])
            if place is False:
                break
            room.start(job, place)
        if len(queue) > 1:
            self._overtake(queue.behind(room.window))

    def arrived(self, job: int) -> None:
        """Only a job that came just now can start before something ends: the others could not, and time is not on their side."""
        queue = self._room.queue
        if queue.head() == job:
            self.serve()
        elif len(queue) <= 1 + self._room.window:
            self._overtake([job])

    def withdrawn(self, job: int) -> None:  # noqa: ARG002  nothing is kept of those behind the first in line
        self._reserved = None

    def _reservation(self, job: int) -> Reservation:
        """When the job fits by the estimated ends on the nodes that are here, else with those that are due."""
        kept = self._reserved
        if kept is None or kept.job != job or not self._still_holds(kept):
            gpus, placement = self._room.gpus[job], self._room.placement
            if gpus > placement.capacity:
                kept = self._with_due(job)
            elif not isinstance(placement, PackedNodes):
                kept = Reservation(job, self._spread(gpus - placement.free), [])
            elif gpus > placement.gpus_per_node:
                kept = Reservation(job, *self._whole_nodes(placement, -(-gpus // placement.gpus_per_node)))
            else:
                kept = Reservation(job, *self._one_node(placement, gpus))
            self._reserved = kept
        return kept

    def _still_holds(self, kept: Reservation) -> bool:
        """Whether it is not past and its nodes are open: who closes one (a provider that will take it, a quota) does not say so."""
        placement = self._room.placement
        if kept.until_s < self._room.clock._now:
            return False
        return not isinstance(placement, PackedNodes) or all(map(placement.is_open, kept.nodes))

    def _with_due(self, job: int) -> Reservation:
        """When enough nodes will have come, and those that it needs here are free; now, and all that is here, where nobody knows."""
        gpus, placement, coming = self._room.gpus[job], self._room.placement, 0
        for at, nodes in self._room.due():
            coming += nodes * placement.gpus_per_node
            if gpus > placement.capacity + coming:
                continue
            if not isinstance(placement, PackedNodes):
                return Reservation(job, max(at, self._spread(gpus - placement.free - coming)), [], coming)
            end, kept = self._whole_nodes(placement, max(-(-(gpus - coming) // placement.gpus_per_node), 0))
            return Reservation(job, max(at, end), kept, coming)
        return Reservation(job, self._room.clock._now, placement.open_nodes() if isinstance(placement, PackedNodes) else [])

    def _spread(self, lacking: int) -> float:
        if lacking <= 0:
            return self._room.clock._now
        for end, job in self._ends:
            lacking -= self._room.gpus[job]
            if lacking <= 0:
                return end
        return math.inf

    def _one_node(self, placement: PackedNodes, gpus: int) -> tuple[float, list[int]]:
        """The node on which so many GPUs are free first."""
        free: dict[int, int] = {}
        for end, job in self._ends:
            for node, held in _held(self._room.places[job], self._room.gpus[job], placement.gpus_per_node):
                if placement.is_open(node):
                    free[node] = free.get(node, placement.free_on(node)) + held
                    if free[node] >= gpus:
                        return end, [node]
        return math.inf, []

    def _whole_nodes(self, placement: PackedNodes, count: int) -> tuple[float, list[int]]:
        """The first `count` nodes to be wholly free."""
        size = placement.gpus_per_node
        nodes = placement.whole_nodes_free()
        if len(nodes) >= count:
            return self._room.clock._now, nodes[len(nodes) - count :]
        free: dict[int, int] = {}
        for end, job in self._ends:
            for node, held in _held(self._room.places[job], self._room.gpus[job], size):
                if placement.is_open(node):
                    free[node] = free.get(node, placement.free_on(node)) + held
                    if free[node] == size:
                        nodes.append(node)
            if len(nodes) >= count:
                return end, nodes[-count:]
        return math.inf, []

    def _overtake(self, jobs: list[int]) -> None:
        """First beside what the first in line needs, whoever fits; then on that too, whoever is done in time."""
        room, placement = self._room, self._room.placement
        gpus_of, fits = room.gpus, placement.fits
        fitting = [job for job in jobs if fits(gpus_of[job])]
        if not fitting:
            return
        kept = self._reservation(room.queue.head())
        until = kept.until_s
        if isinstance(placement, PackedNodes):
            waits_for_all = gpus_of[kept.job] > placement.capacity == len(kept.nodes) * placement.gpus_per_node
            left = fitting if waits_for_all else self._start_beside(fitting, placement, kept.nodes)
        else:
            spare = placement.free + self._freed_by(until) + kept.coming - gpus_of[kept.job]
            left = self._start_spare(fitting, placement, spare)
        now, estimate = room.clock._now, room.estimate_s
        for job in left:
            if fits(gpus_of[job]) and now + estimate(job) <= until:
                place = placement.take(gpus_of[job])
                if place is not False:
                    room.start(job, place)
        self._reserved = kept  # whoever overtook left it as it was

    def _start_beside(self, jobs: list[int], placement: PackedNodes, nodes: list[int]) -> list[int]:
        """Start jobs on other nodes than these; those that do not fit."""
        gpus_of, left = self._room.gpus, []
        placement.set_aside(nodes)
        for job in jobs:
            place = placement.take(gpus_of[job])
            if place is False:
                left.append(job)
            else:
                self._room.start(job, place)
        placement.take_back(nodes)
        return left

    def _freed_by(self, until: float) -> int:
        return sum(self._room.gpus[job] for end, job in self._ends if end <= until)

    def _start_spare(self, jobs: list[int], placement: SpreadGpus, spare: int) -> list[int]:
        """Start jobs on GPUs that the first in line will not need; those that do not fit."""
        left = []
        for job in jobs:
            gpus = self._room.gpus[job]
            if gpus <= min(spare, placement.free):
                spare -= gpus
                self._room.start(job, placement.take(gpus))
            else:
                left.append(job)
        return left


def _held(place: Place, gpus: int, size: int) -> list[tuple[int, int]]:
    """(node, GPUs) that a gang gives back."""
    return [(node, size) for node in place] if isinstance(place, list) else [(place, gpus)] if place is not None else []
