"""Least attained service: jobs that have had the fewest GPU-seconds go first (Tiresias, NSDI 19), which needs no estimates.

Only jobs that were interrupted have attained any when they wait; with preemption by ``attained-service`` these are many.
"""

from sim.demand.table import cells
from sim.engine.orderings.queueing import Queueing
from sim.engine.orderings.ranked import Ranked


class LeastAttained(Ranked):
    """Ranked by GPU-seconds that a job's earlier runs had; it observes them."""

    def __init__(self, queueing: Queueing) -> None:
        super().__init__(lambda job: self._attained.get(job, 0.0))
        self._attained: dict[int, float] = {}
        self._clock, self._gpus, self._start = queueing.clock, cells(queueing.jobs.gpus), cells(queueing.start_s)

    def began(self, job: int) -> None:
        """Nothing to note: the run's start is in the records."""

    def ended(self, job: int) -> None:
        had = self._gpus[job] * max(self._clock.now - self._start[job], 0.0)  # 0 where its nodes had not come yet
        self._attained[job] = self._attained.get(job, 0.0) + had
