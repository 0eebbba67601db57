"""A pool whose nodes go away and come again.

A node takes gangs while it is neither broken (`fail`, `mend`), nor leaving (`leave`), nor away (until some `come`).
"""

from collections.abc import Iterable, Sequence

import numpy as np

from sim.engine.clock import Clock
from sim.engine.interruptible_pool import InterruptiblePool
from sim.engine.placement import Place, nodes_of
from sim.engine.pool import Completion, PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import Records
from sim.engine.remaining import Remaining
from sim.engine.tenant_usage import TenantUsage

RECLAIM = "reclaim"


class VolatilePool(InterruptiblePool):
    """Nodes are numbered from 0, and keep their numbers while they are away."""

    def __init__(
        self, index: int, plan: PoolPlan, queue: QueueTerms, remaining: Remaining, records: Records, clock: Clock, usage: TenantUsage
    ) -> None:
        super().__init__(index, plan, queue, remaining, records, clock, usage)
        self.back_s: float | None = None
        """When nodes that are not here are expected back, as a broker may know it."""
        self.asked = 0
        """Nodes that an autoscaler has asked for and that have not come."""
        self._holds: list[int] = []
        self._outages = 0  # of the whole pool, now
        self._broken = 0
        self._away: set[int] = set()
        self._taken: set[int] = set()
        self._leaving: dict[int, str] = {}
        self._gone = 0
        self._up_since: dict[int, float] = {}
        self._spans: list[tuple[float, float]] = []
        self._know_new_nodes()

    def _complete(self, event: Completion) -> None:
        super()._complete(event)
        self._let_go(event.place)

    def _stop(self, job: int, cause: str, notice_s: float = 0.0) -> None:
        place = self._runs[job].place
        super()._stop(job, cause, notice_s)
        self._let_go(place)

    def _let_go(self, place: Place) -> None:
        """Leaving nodes go as the last run on them is over, wherever it was cut short."""
        if self._leaving:
            self._depart([node for node in nodes_of(place) if node in self._leaving and not self._on[node]])

    # Nodes that break and are mended

    @property
    def known(self) -> int:
        """Nodes that ever were here; they are numbered from 0."""
        return len(self._holds)

    def is_up(self, node: int) -> bool:
        """Whether the node runs gangs or could: it is here, whole, and (on demand) leased."""
        if node >= self.known or self._holds[node] or node in self._away:
            return False
        return self._leases is None or self._leases.holds(node, self.clock._now)

    def fail(self, nodes: Iterable[int] | None, cause: str) -> None:
        """Break nodes: their runs are interrupted, and until each is mended as often as it broke, it takes no gang.

        None breaks all, those too that come before all are mended.
        """
        if nodes is None:
            self._outages += 1
            nodes = range(self.known)
        for node in nodes:
            self.interrupt_node(node, cause)
            self._holds[node] += 1
            if self._holds[node] > 1 or node in self._away:
                continue
            self._stop_paying(node)
            self._count_broken(1)
            self.nodes.close(node)
        self.serve()

    def mend(self, nodes: Iterable[int] | None) -> None:
        """Give broken nodes back to the queue; None mends all, once."""
        if nodes is None:
            self._outages -= 1
            nodes = range(self.known)
        for node in nodes:
            self._holds[node] -= 1
            if not self._holds[node] and node not in self._away:
                self._open(node)
                self._count_broken(-1)
        self.serve()

    def _count_broken(self, change: int) -> None:
        self._broken += change
        self._records.note_down(self.index, self.clock._now, self._broken * self.plan.gpus_per_node)

    # Nodes that leave and come

    @property
    def held(self) -> int:
        """Nodes that are here, leaving ones included."""
        return self.known - len(self._away)

    @property
    def whole(self) -> int:
        """Nodes that are here, neither broken nor leaving: a broken one has no run to wait for, and leaves at once."""
        return self.held - self._broken - len(self._leaving)

    def staying(self) -> list[int]:
        """Nodes that are here and not leaving, those with the fewest runs first."""
        here = [node for node in range(self.known) if node not in self._away and node not in self._leaving]
        return sorted(here, key=lambda node: len(self._on[node]))

    def leave(self, nodes: Sequence[int], cause: str) -> None:
        """Let nodes go as soon as no gang is on them; they take no new ones."""
        for node in nodes:
            self._leaving[node] = cause
            if not self._holds[node]:
                self.nodes.close(node)
        self._depart([node for node in nodes if not self._on[node]])

    def evict(self, nodes: Iterable[int], notice_s: float) -> None:
        """Interrupt what still runs on leaving nodes, which had `notice_s` to save its work; they go now."""
        for node in nodes:
            if node in self._leaving:
                self.interrupt_node(node, self._leaving[node], notice_s)
        self.serve()

    def come(self, count: int) -> None:
        """Take back `count` nodes that left and can be had; new ones where fewer did."""
        again = sorted(self._away - self._taken)[:count]
        self.nodes.add_nodes(count - len(again))
        self._know_new_nodes()
        self._come_again(again)

    def _come_again(self, nodes: Sequence[int]) -> None:
        for node in nodes:
            self._away.discard(node)
            if self._holds[node]:
                self._count_broken(1)
            else:
                self._open(node)
        self._note_held()
        self.serve()

    # Spot nodes

    @property
    def out_of_reach(self) -> int:
        """Nodes that are not here and cannot be had: the provider has taken them."""
        return len(self._taken & self._away)

    def number_up_to(self, count: int) -> None:
        """Number nodes that may be asked for later, so that the provider may take those that are not here too."""
        fresh = range(self.known, count)
        self.nodes.add_nodes(len(fresh))
        self._know_new_nodes()
        for node in fresh:
            self.nodes.close(node)
            self._away.add(node)
            del self._up_since[node]

    def announce(self, node: int) -> None:
        """Hear that the provider will take the node: it takes no new gang and goes back as soon as none is on it."""
        self._taken.add(node)
        if node not in self._away and node not in self._leaving:
            self.leave([node], RECLAIM)

    def give_back(self, node: int) -> None:
        """A node can be had again; it comes at once, unless the pool asks for its nodes itself."""
        self._taken.discard(node)
        if not self.plan.grows_to:
            self._come_again([node])

    def deliver(self, nodes: int) -> None:
        """Add new nodes now and let the queue have them."""
        self.nodes.add_nodes(nodes)
        self._know_new_nodes()
        self._note_held()
        self.serve()

    def lose_for_good(self, nodes: int) -> None:
        """Count nodes that will not come again, and send jobs that cannot run without them elsewhere."""
        self._gone += nodes
        waiting = [self._queue.pop() for _ in range(len(self._queue))]
        for job in waiting:
            if self.can_run(job):
                self._queue.push(job)
            else:
                self._withdrawn(job)
                self.reroute(job)
        self.serve()

    def take_in(self, job: int) -> None:
        if self.can_run(job):
            super().take_in(job)
        else:  # nodes that it needs were lost while its data were on the way
            self._expected_gpus -= self._gpus[job]
            self._waiting_gpu_s -= self._gpus[job] * self._duration[job]
            self.reroute(job)

    def can_run(self, job: int) -> bool:
        return bool(self._gpus[job] <= self.plan.gpus_without(self._gone) and self._duration[job] != float("inf"))

    def _depart(self, nodes: Sequence[int]) -> None:
        for node in nodes:
            del self._leaving[node]
            self._away.add(node)
            self._stop_paying(node)
            if self._holds[node]:
                self._count_broken(-1)
        if nodes:
            self._note_held()

    def _open(self, node: int) -> None:
        self.nodes.open(node)
        self._up_since[node] = self.clock._now

    def _know_new_nodes(self) -> None:
        new = range(self.known, self.nodes.nodes)
        self._on += [set() for _ in range(self.nodes.nodes - len(self._on))]
        for node in new:
            self._holds.append(self._outages)
            if self._outages:
                self.nodes.close(node)
            else:
                self._up_since[node] = self.clock._now
        if self._outages and new:
            self._count_broken(len(new))

    # What a broker and the ledger ask

    def _stop_paying(self, node: int) -> None:
        now, since = self.clock._now, self._up_since.pop(node, None)
        if self._leases is not None:
            self._leases.lose(node, now)
            if self.quota is not None:
                self.quota.warm.discard(node)
        elif self.plan.metered and since is not None and now > since:
            self._spans.append((since, now))

    def close(self) -> None:
        super().close()
        if self.plan.metered:
            spans = [*self._spans, *((since, np.inf) for since in self._up_since.values())]
            self._records.note_leases(self.index, [since for since, _ in spans], [until for _, until in spans])

    def _expected_queueing(self, job: int) -> float:
        """As a steady pool's; one that can still grow answers within its provider's mean time."""
        wait = super()._expected_queueing(job)
        growing = self.held < self.plan.grows_to and wait > 0
        return min(wait, self.plan.mean_delay_s) if growing else wait

    def due(self) -> list[tuple[float, int]]:
        """As a steady pool's, and nodes that are broken, that the provider has taken for a while, or that were asked for."""
        back = self.asked + self._broken + (0 if self.plan.grows_to else self.out_of_reach)
        if not back or self.back_s is None:
            return super().due()
        return sorted([*super().due(), (self.clock._now + abs(self.back_s - self.clock._now), back)])

    def _until_capacity(self, now: float) -> float:
        """Until nodes come back or are delivered; those that are late by some time are expected to take as long again."""
        if self.back_s is None:
            return super()._until_capacity(now)
        back = abs(self.back_s - now)
        if self._outages:  # what is delivered meanwhile is out too
            return back if self.held else max(back, super()._until_capacity(now))
        return min(back, super()._until_capacity(now)) if self.plan.promised or self.plan.leads else back
