"""Pools that grow and shrink with the work that waits, and nodes that leave on a date.

An autoscaler looks every so often: when its trigger is over its threshold it asks the provider for nodes, which come after the pool's
`provisioning`; nodes that nobody needed for `idle` go back.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from sim.scenario.distributions import DurationDistribution
from sim.scenario.model import Word
from sim.scenario.units import HOUR, MINUTE, Duration, Fraction, PositiveDuration, Whole, split_quantity

AtExpiry = Literal["drain", "interrupt"]


def _parse_gpu_hours(value: object) -> float:
    parts = split_quantity(value)
    if parts is None or parts[1] not in ("GPU-h", "GPUh") or parts[0] <= 0:
        raise PydanticCustomError(
            "gpu_hours", "found {found}; work is more than 0 and takes GPU-h, as in '20 GPU-h'", {"found": repr(value)}
        )
    return parts[0] * HOUR


GpuSeconds = Annotated[
    float,
    BeforeValidator(_parse_gpu_hours),
    WithJsonSchema({"type": "string", "description": "work in GPU-hours, GPU-seconds inside", "examples": ["20 GPU-h"]}),
]


class ScaleUp(Word):
    """Exactly one trigger, which also says how far to grow.

    `queue_wait`: the first in line has waited longer; grow until the work waiting would be through in that time. `backlog`: more work
    waits; grow by one node for each such amount. `headroom`: less than this share of the pool is free; grow until it is.
    """

    queue_wait: PositiveDuration | None = None
    backlog: GpuSeconds | None = None
    headroom: Fraction | None = None

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        given = [name for name in ("queue-wait", "backlog", "headroom") if getattr(self, name.replace("-", "_")) is not None]
        if len(given) != 1:
            raise PydanticCustomError(
                "scale_up", "found {found}; write exactly one of queue-wait, backlog, headroom, as in {example}",
                {"found": " and ".join(given) or "no trigger", "example": "{queue-wait: 10 min}"},
            )  # fmt: skip
        if self.headroom is not None and not 0 < self.headroom < 1:
            raise PydanticCustomError("headroom", "found headroom {found:.0%}; it lies between 0% and 100%", {"found": self.headroom})
        return self


class Elastic(Word):
    """Nodes between `min` and `max`, the pool's `nodes` being those at the start; `cool_down` passes between two requests for more."""

    min: Annotated[int, Whole(0, "the least number of nodes")] = 0
    max: Annotated[int, Whole(1, "the largest number of nodes")]
    scale_up: ScaleUp
    cool_down: Duration = 5 * MINUTE
    idle: PositiveDuration = 15 * MINUTE
    every: PositiveDuration = MINUTE


class Expiry(Word):
    """Nodes that leave `after` a time counted from the start; at its end running jobs finish (`drain`) or lose what they did not save."""

    nodes: Annotated[int, Whole(1, "the number of nodes that leave")]
    after: DurationDistribution
    at_expiry: AtExpiry = "drain"
