"""A provider's quota at work: leased pools share a number of GPUs at once, whichever of them asks first.

What a pool may still lease shows as its open nodes: those beyond what the quota leaves are closed, so that placement, backfilling and
brokers need to know nothing of quotas. A node that idles warm in one pool is given back where another needs its share.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import simpy

from sim.engine.clock import SUPPLY, Clock
from sim.engine.placement import PackedNodes, nodes_of
from sim.engine.pool import Pool


class Quota:
    """GPUs that the pools of a group may have at once."""

    def __init__(self, gpus: int, pools: Sequence[Pool], clock: Clock) -> None:
        self._gpus = gpus
        self._clock = clock
        self._members = [Member(pool, self) for pool in pools]
        self._telling = False
        for member in self._members:
            member.hold_back()

    def left(self) -> int:
        """GPUs on which nothing runs."""
        return self._gpus - sum(len(member.gangs) * member.size for member in self._members)

    def changed(self, by: "Member") -> None:
        """Close what the pools may no longer have, or open what they may have again and let the others' queues have it."""
        left = self.left()
        opened = [member for member in self._members if member.balance(left)]
        self._give_up_warm(left)
        if any(member is not by for member in opened) and not self._telling:
            self._telling = True
            told = simpy.Event(self._clock)
            told._ok, told._value = True, None
            told.callbacks = [self._serve]
            self._clock.at(self._clock.now, SUPPLY, told)

    def _give_up_warm(self, left: int) -> None:
        """Nodes that idle warm, in all pools together, are within the quota too; those that have idled longest go back."""
        warm = sorted((until, index, node) for index, member in enumerate(self._members) for node, until in member.warm())
        held = sum(self._members[index].size for _, index, _ in warm)
        for _, index, node in warm:
            if held <= left:
                return
            self._members[index].give_up(node)
            held -= self._members[index].size

    def _serve(self, _: simpy.Event) -> None:
        self._telling = False
        for member in self._members:
            member.pool.serve()


class Member:
    """One pool under a quota: an observer of its runs. A node counts from its first gang to its last."""

    def __init__(self, pool: Pool, quota: Quota) -> None:
        assert isinstance(pool.placement, PackedNodes), "leased nodes are known by number"
        self.pool = pool
        self.size = pool.plan.gpus_per_node
        self.gangs: Counter[int] = Counter()
        self._nodes = pool.placement
        self._quota = quota
        self._closed: list[int] = []
        pool.observe(self)
        pool.quota = self

    def began(self, job: int) -> None:
        before = len(self.gangs)
        self.gangs.update(nodes_of(self.pool.place_of(job)))
        if len(self.gangs) > before:
            self._quota.changed(self)

    def ended(self, job: int) -> None:
        before = len(self.gangs)
        self.gangs.subtract(nodes_of(self.pool.place_of(job)))
        self.gangs = +self.gangs
        if len(self.gangs) < before:
            self._quota.changed(self)

    def hold_back(self) -> None:
        """Close nodes that have come and may not be leased."""
        self.balance(self._quota.left())

    def balance(self, left: int) -> bool:
        """Open as many free nodes as `left` GPUs allow, and no more; whether any was opened."""
        nodes, allowed, had = self._nodes, left // self.size, len(self._closed)
        excess = nodes.free_whole_nodes - allowed
        warm = dict(self.warm()) if excess > 0 else {}
        for node in sorted(nodes.whole_nodes_free(), key=lambda node: warm.get(node, 0.0))[: max(excess, 0)]:
            self.give_up(node)
            nodes.close(node)
            self._closed.append(node)
        before = nodes.free_whole_nodes
        while self._closed and nodes.free_whole_nodes < allowed:
            nodes.open(self._closed.pop())
        if len(self._closed) != had:
            self.pool.note_closed(len(self._closed) * self.size)
        return nodes.free_whole_nodes > before

    def warm(self) -> Iterator[tuple[int, float]]:
        """Free nodes that are still leased, and until when they would be kept."""
        for node in (*self._nodes.whole_nodes_free(), *self._nodes.aside):
            until = self.pool.leases.warm_until(node)
            if until >= self.pool.clock.now:
                yield node, until

    def give_up(self, node: int) -> None:
        self.pool.leases.lose(node, self.pool.clock.now)


def share_quotas(pools: Sequence[Pool], clock: Clock) -> None:
    """Put the pools whose plans name one quota under it."""
    groups: dict[tuple[str, int], list[Pool]] = {}
    for pool in pools:
        if pool.plan.quota is not None:
            groups.setdefault(pool.plan.quota, []).append(pool)
    for (_, gpus), group in groups.items():
        Quota(gpus, group, clock)
