"""How spot nodes are taken back and come again: a process per node (`mtbf`), or a recorded zone (`trace`).

A recorded zone is a file of SkyPilot's spot traces (github.com/skypilot-org/spot-traces, the data of "Can't Be Late", NSDI 24):
``{"metadata": {"gap_seconds": …}, "data": [instances available at each tick]}``.
"""

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from sim.scenario.distributions import Distribution, DurationDistribution, lognormal
from sim.scenario.model import Path, Word
from sim.scenario.units import HOUR, MINUTE, Duration, PositiveDuration

AWS_NOTICE_S = 2 * MINUTE
"""AWS warns two minutes ahead; GCP and Azure 30 seconds (providers' documentation)."""

RECORDED_AWAY = lognormal(35 * MINUTE, 11.25 * HOUR)
"""How long a reclaimed node stayed away: median and p95 over the 2 367 absences in SkyPilot's two 16-node V100 traces of August 2023."""


class Reclaim(Word):
    """When the provider takes spot nodes back, how long ahead it says so, and when they come again.

    Each node is reclaimed after an exponential time of mean `mtbf` and stays `away`; or the pool's nodes follow a recorded zone: `trace` is
    a file, or a folder of which `zone` names one, and a pool has the share of its nodes that the zone had of its most.
    """

    mtbf: PositiveDuration | None = None
    notice: Duration = AWS_NOTICE_S
    away: DurationDistribution | None = None
    trace: Path | None = None
    zone: str | None = None

    @property
    def time_away(self) -> Distribution:
        return self.away or RECORDED_AWAY

    @model_validator(mode="after")
    def _one_process(self) -> Self:
        if (self.mtbf is None) == (self.trace is None):
            found = "both mtbf and trace" if self.mtbf is not None else "neither mtbf nor trace"
            raise PydanticCustomError(
                "reclaim", "found {found}; write one of them, as in {example}", {"found": found, "example": "{mtbf: 18 h, notice: 2 min}"}
            )
        if self.trace is not None and self.away is not None:
            raise PydanticCustomError("reclaim", "found away beside trace; the trace says when nodes come again, so leave away out", {})
        if self.zone is not None and self.trace is None:
            raise PydanticCustomError("reclaim", "found zone without trace; name the folder of traces, as in 'trace: traces/spot'", {})
        return self
