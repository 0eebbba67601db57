"""The cheapest pool that meets the deadline."""

from collections.abc import Sequence

from sim.demand.table import JobTable, cells
from sim.engine.clock import Clock
from sim.engine.pool import Pool


class CheapestInTime:
    """Of the pools in which the job is expected to be done by its deadline the cheapest; where there is none, the soonest done.

    Of equally cheap ones the soonest done, so that without deadlines and prices this is the earliest end.
    """

    def __init__(self, pools: Sequence[Pool], jobs: JobTable, clock: Clock) -> None:
        self._pools = pools
        self._deadline = cells(jobs.deadline_s)
        self._clock = clock

    def choose(self, job: int) -> Pool:
        left = self._deadline[job] - self._clock.now
        best, lowest = self._pools[0], (True, float("inf"), float("inf"))
        for pool in self._pools:
            if not pool.can_run(job):
                continue
            until_done = pool.expected_wait(job) + pool.run_s(job)
            late = until_done > left
            rank = (late, 0.0 if late else pool.expected_usd(job), until_done)
            if rank < lowest:
                best, lowest = pool, rank
        return best
