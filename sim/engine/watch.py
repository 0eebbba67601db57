"""Whether there is still work: what befalls a pool goes on for ever, and its processes end when nothing is left to befall."""

from collections.abc import Callable, Sequence

from sim.engine.pool import Pool
from sim.engine.volatile_pool import VolatilePool
from sim.scenario.errors import InputError

MOST_CHANGES = 500_000
"""Changes of supply in a row with no job finished or running, after which the rest is taken to be stuck."""


class Watch:
    """Asked by every process of supply before it goes on."""

    def __init__(self, more_come: Callable[[], bool], pools: Sequence[Pool]) -> None:
        self._more_come = more_come
        self._pools = pools
        self._volatile = [pool for pool in pools if isinstance(pool, VolatilePool)]
        self._completed = -1
        self._changes = 0

    def work_left(self) -> bool:
        """Whether a job runs, waits or is to come; InputError where jobs wait and nothing gets through any more."""
        if not (self._more_come() or any(pool.at_work for pool in self._pools)):
            return False
        completed = sum(pool.completed for pool in self._volatile)
        moving = completed != self._completed or any(pool.busy_gpus for pool in self._pools)
        self._changes = 0 if moving else self._changes + 1
        self._completed = completed
        if self._changes > MOST_CHANGES and not self._more_come():
            stuck = next(pool for pool in self._pools if pool.at_work)
            raise InputError.of(
                f"{stuck.waiting_jobs} jobs wait in {stuck.plan.full_name}, whose nodes come and go without ever being "
                "there together for the first in line; give the pool more nodes, make them stay longer, or make the jobs smaller",
                key=f"providers.{stuck.plan.provider}.pools.{stuck.plan.name}",
            )
        return True
