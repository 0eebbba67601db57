"""The whole scenario: what is expected, what can be had, how it is shared, and what is asked."""

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.model import Name, Path, Word
from sim.scenario.policy import Policy
from sim.scenario.providers import Pool, Provider
from sim.scenario.replications import Until
from sim.scenario.study import Study
from sim.scenario.units import Duration, Fraction, PositiveDuration, Whole
from sim.scenario.workloads import Workload


class Scenario(Word):
    """A validated scenario. `horizon` may be left out where every workload is a trace: its last arrival then ends it.

    `calibration` is one calibration file for every pool, or a mapping from GPU type to file; pools without one use the
    shipped calibration of their `gpu`. With `until`, `replications` is the least that are run;
    headroom is what `target_utilisation` of the capacity leaves free.
    """

    name: Name
    horizon: PositiveDuration | None = None
    warmup: Duration = 0.0
    seed: Annotated[int, Whole(0, "the seed", most=2**63)] = 1
    replications: Annotated[int, Whole(1, "the number of replications")] = 5
    until: Until | None = None
    intervals: Literal["t", "bootstrap"] = "t"
    antithetic: bool = False
    target_utilisation: Fraction = 0.8
    calibration: Path | dict[str, Path] | None = None
    workloads: Annotated[dict[Name, Workload], Field(min_length=1)]
    providers: Annotated[dict[Name, Provider], Field(min_length=1)]
    policy: Policy = Policy()
    study: Study = Study()

    def pools(self) -> dict[tuple[str, str], Pool]:
        """Every pool by (provider, pool), in the order written."""
        return {
            (provider_name, pool_name): pool
            for provider_name, provider in self.providers.items()
            for pool_name, pool in provider.pools.items()
        }

    def gpu_types(self) -> tuple[str, ...]:
        """GPU types of the pools, in the order first written."""
        return tuple(dict.fromkeys(pool.gpu for pool in self.pools().values()))
