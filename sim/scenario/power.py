"""What capacity draws from the grid: the power of its GPUs, what the building adds, and what a kWh costs and emits."""

from typing import Annotated, Self

from pydantic import BeforeValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from sim.scenario.model import Word
from sim.scenario.over_time import CarbonOverTime, EnergyPriceOverTime
from sim.scenario.units import Watts, split_quantity

IDLE_SHARE = 0.15
"""Assumed: the share of its power limit that a GPU draws while nothing runs on it. Read yours off nvidia-smi and write it as `idle`."""


def _parse_pue(value: object) -> float:
    parts = split_quantity(value)
    if parts is None or parts[1] or parts[0] < 1:
        raise PydanticCustomError(
            "pue", "found {found}; PUE is a site's power over that of its computers, 1 or more, as in 1.2", {"found": repr(value)}
        )
    return parts[0]


class Power(Word):
    """Power at the wall: of a GPU that works (`active`) and of one that is `idle`.

    Without `active` a GPU draws what was measured for such work, else its device's power limit.
    `host` is the rest of a node, drawn whenever it is here; `pue` multiplies it all. `price` is paid for owned nodes: rents include it.
    Nothing is added that is not said: without `host` and `pue` the figures are the GPUs' alone, without `carbon` nothing is emitted.
    """

    active: Watts | None = None
    idle: Watts | None = None
    host: Watts = 0.0
    pue: Annotated[float, BeforeValidator(_parse_pue), WithJsonSchema({"type": "number", "minimum": 1, "examples": [1.2]})] = 1.0
    price: EnergyPriceOverTime | None = None
    carbon: CarbonOverTime | None = None

    @model_validator(mode="after")
    def _idles_below_work(self) -> Self:
        if self.active is not None and self.idle is not None and self.idle > self.active:
            raise PydanticCustomError(
                "power", "found idle {idle} W over active {active} W; a GPU that idles draws no more than one that works",
                {"idle": f"{self.idle:g}", "active": f"{self.active:g}"},
            )  # fmt: skip
        return self
