"""Any pool, by chance: the baseline that knows nothing. It splits a Poisson stream into Poisson streams."""

from collections.abc import Sequence

import numpy as np

from sim.engine.pool import Pool


class AtRandom:
    """Each pool that could run the job is as likely; one draw a job, so that jobs of two plans draw alike."""

    def __init__(self, pools: Sequence[Pool], jobs: int, rng: np.random.Generator) -> None:
        self._pools = pools
        self._draw = rng.random(jobs)

    def choose(self, job: int) -> Pool:
        able = [pool for pool in self._pools if pool.can_run(job)] or self._pools
        return able[int(self._draw[job] * len(able))]
