"""A provider's quota at work: leased pools share a number of GPUs at once, whichever of them asks first.

What a pool may still lease shows as its open nodes: those beyond what the quota leaves are closed, so that placement, backfilling and
brokers need to know nothing of quotas. A node that idles warm in one pool is given back where another needs its share.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

import simpy

from sim.engine.clock import SUPPLY, Clock
from sim.engine.placement import PackedNodes, nodes_of
from sim.engine.pool import Pool
from sim.engine.warm_nodes import WarmNodes


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
        held = sum(member.warm_gpus() for member in self._members)
        while held > left:
            member = min((member for member in self._members if member.warm), key=lambda member: member.warm.first()[0])
            member.give_up(member.warm.first()[1])
            held -= member.size

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
        self.warm = WarmNodes()
        self._nodes = pool.placement
        self._quota = quota
        self._closed: list[int] = []
        pool.observe(self)
        pool.quota = self

    def began(self, job: int) -> None:
        before = len(self.gangs)
        for node in nodes_of(self.pool.place_of(job)):
            self.gangs[node] += 1
            self.warm.discard(node)
        if len(self.gangs) > before:
            self._quota.changed(self)

    def ended(self, job: int) -> None:
        before = len(self.gangs)
        for node in nodes_of(self.pool.place_of(job)):
            self.gangs[node] -= 1
            if not self.gangs[node]:
                del self.gangs[node]
                if self._nodes.is_open(node):  # else it leaves now
                    self.warm.add(node, self.pool.leases.warm_until(node))
        if len(self.gangs) < before:
            self._quota.changed(self)

    def hold_back(self) -> None:
        """Close nodes that have come and may not be leased."""
        self.balance(self._quota.left())

    def balance(self, left: int) -> bool:
        """Open as many free nodes as `left` GPUs allow, and no more; whether any was opened."""
        nodes, allowed, had = self._nodes, left // self.size, len(self._closed)
        for node in self._first_to_go(nodes.free_whole_nodes - allowed):
            self.give_up(node)
            nodes.close(node)
            self._closed.append(node)
        before = nodes.free_whole_nodes
        while self._closed and nodes.free_whole_nodes < allowed:
            nodes.open(self._closed.pop())
        if len(self._closed) != had:
            self.pool.note_closed(len(self._closed) * self.size)
        return nodes.free_whole_nodes > before

    def _first_to_go(self, count: int) -> list[int]:
        """So many free nodes, cold ones before those that idle warm, and of these those that have idled longest."""
        if count <= 0:
            return []
        self.warm.forget_before(self.pool.clock.now)
        free = self._nodes.whole_nodes_free()
        cold = list(islice((node for node in free if not self.warm.until(node)), count))
        return cold if len(cold) == count else sorted(free, key=self.warm.until)[:count]

    def warm_gpus(self) -> int:
        """GPUs of nodes that idle warm."""
        self.warm.forget_before(self.pool.clock.now)
        return len(self.warm) * self.size

    def give_up(self, node: int) -> None:
        self.pool.leases.lose(node, self.pool.clock.now)
        self.warm.discard(node)


def share_quotas(pools: Sequence[Pool], clock: Clock) -> None:
    """Put the pools whose plans name one quota under it."""
    groups: dict[tuple[str, int], list[Pool]] = {}
    for pool in pools:
        if pool.plan.quota is not None:
            groups.setdefault(pool.plan.quota, []).append(pool)
    for (_, gpus), group in groups.items():
        Quota(gpus, group, clock)
