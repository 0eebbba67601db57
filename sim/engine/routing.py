"""Which pool a job goes to. A routing is a small class in `sim.engine.routings`, found by the name used in ``policy.routing.policy``.

It sees pools only through what a broker can know of them: `Pool.can_run`, `expected_wait`, `run_s`, `expected_usd` and `transfer_s`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim.demand.table import JobTable
from sim.engine.clock import Clock
from sim.engine.plugins import policy
from sim.engine.pool import Pool
from sim.engine.routings.at_random import AtRandom
from sim.engine.routings.cheapest import CheapestInTime
from sim.engine.routings.cost_of_delay import LowestCostOfDelay
from sim.engine.routings.data_home import DataHome
from sim.engine.routings.earliest_start import EarliestStart
from sim.engine.routings.prefer import PreferThenOverflow
from sim.engine.routings.round_robin import RoundRobin


class Routing(Protocol):
    def choose(self, job: int) -> Pool:
        """The pool that takes this job; every job has at least one that can."""
        ...


@dataclass(frozen=True)
class RoutingTerms:
    """What a scenario says of routing, as plain values.

    `preferred` lists pools by index, first choice first (all of them, as given, where it is empty). A pool is preferred no longer where
    the expected wait is over `overflow_s`. With `migrate`, waiting jobs follow capacity (`sim.engine.migration`).
    `delay_usd_per_gpu_hour` is by workload (all 0 where empty); `rng` is for routing by chance.
    """

    policy: str = "prefer"
    preferred: tuple[int, ...] = ()
    overflow_s: float = 0.0
    delay_usd_per_gpu_hour: tuple[float, ...] = ()
    rng: np.random.Generator | None = None
    migrate: bool = False


@dataclass(frozen=True)
class Market:
    """The pools that a routing chooses from, in order of preference, and the jobs that come."""

    pools: Sequence[Pool]
    jobs: JobTable
    clock: Clock
    terms: RoutingTerms

    @property
    def delay_usd_per_gpu_hour(self) -> Sequence[float]:
        return self.terms.delay_usd_per_gpu_hour or (0.0,) * len(self.jobs.workloads)

    @property
    def rng(self) -> np.random.Generator:
        return self.terms.rng or np.random.default_rng(0)


class OnePool:
    """Nothing to choose."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def choose(self, job: int) -> Pool:  # noqa: ARG002
        return self._pool


ROUTINGS: dict[str, Callable[[Market], Routing]] = {
    "prefer": lambda market: PreferThenOverflow(market.pools, market.terms.overflow_s),
    "cheapest": lambda market: CheapestInTime(market.pools, market.jobs, market.clock),
    "earliest-start": lambda market: EarliestStart(market.pools),
    "cost-of-delay": lambda market: LowestCostOfDelay(market.pools, market.jobs, market.delay_usd_per_gpu_hour),
    "data-home": lambda market: DataHome(market.pools),
    "random": lambda market: AtRandom(market.pools, len(market.jobs), market.rng),
    "round-robin": lambda market: RoundRobin(market.pools),
}


def routing_of(terms: RoutingTerms, pools: Sequence[Pool], jobs: JobTable, clock: Clock) -> Routing:
    """The routing of that name."""
    if len(pools) == 1:
        return OnePool(pools[0])
    preferred = [pools[index] for index in terms.preferred] or list(pools)
    return policy("routings", terms.policy, ROUTINGS)(Market(preferred, jobs, clock, terms))
