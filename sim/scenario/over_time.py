"""Quantities that change on dates: a price, a carbon intensity. Written as one value, as steps, or as a recorded file.

``2.49 USD/GPU/h`` holds always; ``{0 d: 2.49 USD/GPU/h, 30 d: 2.10 USD/GPU/h}`` changes on dates counted from the start; ``{trace: FILE}``
follows a CSV file of a `time` (seconds, or timestamps) and the quantity under a column that names its unit, and begins again where the
file ends. Specifications only; integrating them is `sim.demand.step_path`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sim.scenario.units import parse_carbon, parse_duration, parse_energy_price, parse_price


@dataclass(frozen=True)
class OverTime:
    """`steps` are (seconds, level from then on), the first at 0; none where a `trace` says it in its `column`."""

    steps: tuple[tuple[float, float], ...]
    trace: str | None = None
    column: str = ""


def constant(level: float) -> OverTime:
    return OverTime(((0.0, level),))


def _over_time(parse: Callable[[object], float], column: str, example: str) -> Callable[[object], OverTime]:
    def build(value: object) -> OverTime:
        if isinstance(value, OverTime):
            return value
        if not isinstance(value, dict):
            return constant(parse(value))
        if set(value) == {"trace"} and isinstance(value["trace"], str):
            return OverTime((), value["trace"], column)
        if "trace" in value or not value:
            found = "{" + ", ".join(map(str, value)) + "}"
            raise PydanticCustomError(
                "over_time", "found {found}; write one value ('{example}'), steps on dates ({steps}), or a file ({trace})",
                {"found": found, "example": example, "steps": f"{{0 d: {example}, 30 d: …}}", "trace": "{trace: prices.csv}"},
            )  # fmt: skip
        steps = tuple((parse_duration(date), parse(level)) for date, level in value.items())
        if steps[0][0] != 0:
            raise PydanticCustomError(
                "over_time", "found {found} as the first date; the first step says what holds from the start, as in '0 d: {example}'",
                {"found": repr(next(iter(value))), "example": example},
            )  # fmt: skip
        for (before, _), (after, _), written in zip(steps, steps[1:], list(value)[1:], strict=False):
            if after <= before:
                raise PydanticCustomError(
                    "over_time", "found {found} after a later date; write each date once, in order", {"found": repr(written)}
                )
        return OverTime(steps)

    return build


def _schema(description: str, example: str) -> WithJsonSchema:
    level = {"type": "string", "examples": [example]}
    trace = {"type": "object", "properties": {"trace": {"type": "string"}}, "required": ["trace"], "additionalProperties": False}
    steps = {"type": "object", "additionalProperties": level, "examples": [{"0 d": example}]}
    return WithJsonSchema({"anyOf": [level, trace, steps], "description": description})


PriceOverTime = Annotated[
    OverTime,
    BeforeValidator(_over_time(parse_price, "usd_per_gpu_hour", "2.49 USD/GPU/h")),
    _schema("price of a GPU-hour; may change on dates", "2.49 USD/GPU/h"),
]
EnergyPriceOverTime = Annotated[
    OverTime,
    BeforeValidator(_over_time(parse_energy_price, "usd_per_kwh", "0.09 USD/kWh")),
    _schema("price of electricity; may change on dates", "0.09 USD/kWh"),
]
CarbonOverTime = Annotated[
    OverTime,
    BeforeValidator(_over_time(parse_carbon, "kg_per_kwh", "0.35 kg/kWh")),
    _schema("CO2e emitted for a kWh; may change on dates", "0.35 kg/kWh"),
]
