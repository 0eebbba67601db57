"""GPU-seconds that each tenant has had, over all pools of a run, kept without an event of its own."""

import math

from sim.demand.table import JobTable, cells
from sim.engine.clock import Clock


class TenantUsage:
    """Updated when runs begin and end; in between, a tenant's usage grows by the GPUs it holds.

    With a half-life usage decays exponentially: u' = g − λu, so that over a span t it goes from u to g/λ + (u − g/λ)·exp(−λt).
    """

    def __init__(self, jobs: JobTable, clock: Clock, half_life_s: float = math.inf) -> None:
        tenants = len(jobs.tenants)
        self._clock = clock
        self._tenant, self._gpus = cells(jobs.tenant), cells(jobs.gpus)
        self._had, self._holds, self._at = [0.0] * tenants, [0] * tenants, [0.0] * tenants
        self._decay = math.log(2) / half_life_s

    def began(self, job: int) -> None:
        tenant = self._tenant[job]
        self._bring_up_to_now(tenant)
        self._holds[tenant] += self._gpus[job]

    def ended(self, job: int) -> None:
        tenant = self._tenant[job]
        self._bring_up_to_now(tenant)
        self._holds[tenant] -= self._gpus[job]

    def had_gpu_s(self, tenant: int) -> float:
        """Up to now, decayed."""
        span = self._clock._now - self._at[tenant]
        if not self._decay:
            return self._had[tenant] + self._holds[tenant] * span
        steady = self._holds[tenant] / self._decay
        return steady + (self._had[tenant] - steady) * math.exp(-self._decay * span)

    def _bring_up_to_now(self, tenant: int) -> None:
        self._had[tenant] = self.had_gpu_s(tenant)
        self._at[tenant] = self._clock._now
