"""Each pool in turn: the baseline that shares out evenly and knows nothing else."""

from collections.abc import Sequence

from sim.engine.pool import Pool


class RoundRobin:
    """The next pool in turn that could run the job."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        self._pools = pools
        self._next = 0

    def choose(self, job: int) -> Pool:
        count = len(self._pools)
        for step in range(count):
            pool = self._pools[(self._next + step) % count]
            if pool.can_run(job):
                self._next = (self._next + step + 1) % count
                return pool
        return self._pools[0]
