"""The pool with the lowest cost of delay: what running there costs, and what each hour until the result is there is worth."""

from collections.abc import Sequence

from sim.demand.table import JobTable, cells
from sim.engine.pool import Pool
from sim.scenario.units import HOUR


class LowestCostOfDelay:
    """`usd_per_gpu_hour` is by workload what a GPU-hour of delay costs; a job of g GPUs that is late by an hour costs g times that.

    Delay counts from now until the job is done, so that a slower GPU pays for its slowness too.
    """

    def __init__(self, pools: Sequence[Pool], jobs: JobTable, usd_per_gpu_hour: Sequence[float]) -> None:
        self._pools = pools
        self._gpus, self._workload = cells(jobs.gpus), cells(jobs.workload)
        self._usd_per_gpu_s = [price / HOUR for price in usd_per_gpu_hour]

    def choose(self, job: int) -> Pool:
        per_second = self._gpus[job] * self._usd_per_gpu_s[self._workload[job]]
        best, lowest = self._pools[0], float("inf")
        for pool in self._pools:
            if not pool.can_run(job):
                continue
            cost = pool.expected_usd(job) + per_second * (pool.expected_wait(job) + pool.run_s(job))
            if cost < lowest:
                best, lowest = pool, cost
        return best
