"""GPU-seconds that each tenant has had, over all pools of a run, kept without an event of its own."""

import math
from heapq import heapify, heappop, heappush

from sim.demand.table import Floats, JobTable, cells
from sim.engine.clock import Clock


class TenantUsage:
    """Updated when runs begin and end; in between, a tenant's usage grows by the GPUs it holds.

    A run counts from its start, by the run's records: later than it is given its GPUs where the nodes are still to come.
    With a half-life usage decays exponentially: u' = g − λu, so that over a span t it goes from u to g/λ + (u − g/λ)·exp(−λt).
    """

    def __init__(self, jobs: JobTable, clock: Clock, start_s: Floats, half_life_s: float = math.inf) -> None:
        tenants = len(jobs.tenants)
        self._clock = clock
        self._tenant, self._gpus, self._start = cells(jobs.tenant), cells(jobs.gpus), cells(start_s)
        self._had, self._holds, self._at = [0.0] * tenants, [0] * tenants, [0.0] * tenants
        self._to_start: list[tuple[float, int]] = []
        self._decay = math.log(2) / half_life_s

    def began(self, job: int) -> None:
        start, now = self._start[job], self._known_now()
        if start > now:
            heappush(self._to_start, (start, job))
        else:
            self._change(job, self._gpus[job], now)

    def ended(self, job: int) -> None:
        start, now = self._start[job], self._known_now()
        if start > now:  # cut short before its nodes came
            self._to_start.remove((start, job))
            heapify(self._to_start)
        else:
            self._change(job, -self._gpus[job], now)

    def had_gpu_s(self, tenant: int) -> float:
        """Up to now, decayed."""
        return self._had_by(self._known_now(), tenant)

    def _had_by(self, time_s: float, tenant: int) -> float:
        span = time_s - self._at[tenant]
        if not self._decay:
            return self._had[tenant] + self._holds[tenant] * span
        steady = self._holds[tenant] / self._decay
        return steady + (self._had[tenant] - steady) * math.exp(-self._decay * span)

    def _known_now(self) -> float:
        """The time, once runs that have started since somebody last asked count from their start."""
        now = self._clock._now
        while self._to_start and self._to_start[0][0] <= now:
            start, job = heappop(self._to_start)
            self._change(job, self._gpus[job], start)
        return now

    def _change(self, job: int, gpus: int, time_s: float) -> None:
        tenant = self._tenant[job]
        self._had[tenant] = self._had_by(time_s, tenant)
        self._at[tenant] = time_s
        self._holds[tenant] += gpus
