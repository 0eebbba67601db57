"""What breaks: nodes, racks, whole pools and whole providers, how often, and for how long.

Each is a renewal process of its own: an exponential time to the next failure, then a repair; a node is up while nothing has it down. The
default rate of node failures is Llama 3's: 419 unexpected interruptions in 54 days on 16 384 GPUs (the Llama 3 paper).
"""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from sim.scenario.distributions import Distribution, DurationDistribution, lognormal
from sim.scenario.model import Word
from sim.scenario.units import DAY, HOUR, TIME_UNITS, Duration, PositiveDuration, Whole, split_quantity


@dataclass(frozen=True)
class TimeBetween:
    """Mean up-time between failures, of a GPU or of a node."""

    seconds: float
    of: str

    def of_node(self, gpus_per_node: int) -> float:
        """Seconds between failures of a node whose every GPU's failure takes the node down."""
        return self.seconds if self.of == "node" else self.seconds / gpus_per_node


LLAMA_3 = TimeBetween(16_384 * 54 * DAY / 419, "GPU")
"""A GPU's mean time between unexpected interruptions in Llama 3's 54 observed days: 2 111 days."""

REPAIR = lognormal(4 * HOUR, 24 * HOUR)
"""Assumed: a broken node is drained, diagnosed and swapped within a shift, or a day. No published distribution was found."""

MTBF_UNITS = {f"{unit}/{of}": (scale, of) for of in ("node", "GPU") for unit, scale in TIME_UNITS.items()}


def _parse_time_between(value: object) -> TimeBetween:
    if isinstance(value, TimeBetween):
        return value
    parts = split_quantity(value)
    if parts is None or parts[1] not in MTBF_UNITS or parts[0] <= 0:
        raise PydanticCustomError(
            "mtbf", "found {found}; a mean time between failures is more than 0 and takes a time per node or GPU, as in '50000 h/node'",
            {"found": repr(value)},
        )  # fmt: skip
    scale, of = MTBF_UNITS[parts[1]]
    return TimeBetween(parts[0] * scale, of)


MeanTimeBetween = Annotated[
    TimeBetween,
    BeforeValidator(_parse_time_between),
    WithJsonSchema({"type": "string", "description": "mean time between failures of a node or GPU", "examples": ["50000 h/node"]}),
]


class Failures(Word):
    """Nodes that break, each on its own: `mtbf` of up-time, then a `repair`. Nothing given means Llama 3's rate."""

    mtbf: MeanTimeBetween = LLAMA_3
    repair: DurationDistribution = REPAIR


class Racks(Word):
    """Racks of `nodes` nodes, in the order in which nodes came, that lose power or their switch as one; `mtbf` is a rack's."""

    nodes: Annotated[int, Whole(1, "the number of nodes in a rack")]
    mtbf: PositiveDuration
    repair: DurationDistribution = REPAIR


class DatedOutage(Word):
    """One outage on a date, counted from the start: what happened, or what is to be survived."""

    at: Duration
    duration: DurationDistribution


class Outages(Word):
    """Everything at once unavailable: at random (`mtbf` between them, each lasting a `duration`), on `dates`, or both."""

    mtbf: PositiveDuration | None = None
    duration: DurationDistribution | None = None
    dates: tuple[DatedOutage, ...] = Field(default=(), strict=False)

    @property
    def lasting(self) -> Distribution:
        """How long a random outage lasts; none is drawn without `mtbf`."""
        return self.duration or Distribution("constant", 0.0)

    @model_validator(mode="after")
    def _rate_and_duration(self) -> Self:
        if (self.mtbf is None) != (self.duration is None):
            found, lacking = ("mtbf", "duration") if self.duration is None else ("duration", "mtbf")
            raise PydanticCustomError(
                "outages", "found {found} without {lacking}; random outages need both, as in {example}",
                {"found": found, "lacking": lacking, "example": "{mtbf: 120 d, duration: {median: 2 h, p95: 8 h}}"},
            )  # fmt: skip
        if self.mtbf is None and not self.dates:
            raise PydanticCustomError(
                "outages",
                "found no outage; give mtbf and duration, or dates, as in {example}",
                {"example": "dates: [{at: 30 d, duration: 6 h}]"},
            )
        return self
