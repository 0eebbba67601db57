"""Weighted fair share: the tenant that has had the least, for its weight, goes first; first come, first served within a tenant.

What a tenant has had are its GPU-seconds on every pool of the run (GPUs being the dominant resource here), older ones counting less where
a half-life is given. A queue a tenant: an event costs as much as there are tenants waiting, however long their queues.
"""

from collections import deque
from itertools import chain, islice

from sim.demand.table import cells
from sim.engine.orderings.queueing import Queueing


class FairShare:
    """Tenants' queues, served by `TenantUsage` over weight; it observes the pool's runs for it."""

    def __init__(self, queueing: Queueing) -> None:
        jobs = queueing.jobs
        self._tenant = cells(jobs.tenant)
        self._share = [1.0 / queueing.weights.get(name, 1.0) for name in jobs.tenants]
        self._usage = queueing.usage
        self._queues: dict[int, deque[int]] = {}
        self._count = 0
        self.began, self.ended = queueing.usage.began, queueing.usage.ended

    def __len__(self) -> int:
        return self._count

    def push(self, job: int) -> None:
        self._queues.setdefault(self._tenant[job], deque()).append(job)
        self._count += 1

    def _next(self) -> int:
        """The waiting tenant that has had the least for its weight; the first named among equals."""
        if len(self._queues) == 1:
            return next(iter(self._queues))
        had, share = self._usage.had_gpu_s, self._share
        return min(self._queues, key=lambda tenant: (had(tenant) * share[tenant], tenant))

    def head(self) -> int:
        return self._queues[self._next()][0]

    def pop(self) -> int:
        tenant = self._next()
        job = self._queues[tenant].popleft()
        self._took_from(tenant)
        return job

    def again(self, job: int) -> None:
        queue = self._queues.setdefault(self._tenant[job], deque())
        ahead = 0  # those ahead were interrupted too, so they are few
        while ahead < len(queue) and queue[ahead] < job:
            ahead += 1
        queue.insert(ahead, job)
        self._count += 1

    def behind(self, count: int) -> list[int]:
        had, share = self._usage.had_gpu_s, self._share
        in_turn = sorted(self._queues, key=lambda tenant: (had(tenant) * share[tenant], tenant))
        return list(islice(chain.from_iterable(self._queues[tenant] for tenant in in_turn), 1, 1 + count))

    def remove(self, job: int) -> None:
        tenant = self._tenant[job]
        self._queues[tenant].remove(job)
        self._took_from(tenant)

    def _took_from(self, tenant: int) -> None:
        self._count -= 1
        if not self._queues[tenant]:
            del self._queues[tenant]
