"""Quantities with units, as a planner writes them: ``90 d``, ``64B``, ``2.49 USD/GPU/h``, ``450 GB/s``, ``40/d``.

Each type below is a plain number in the house's base unit (seconds, bytes, counts, USD per GPU-hour, fractions) with a
parser in front. A bare number where a unit is needed is refused with the units that would fit, so that nobody's
``20`` is read as seconds when minutes were meant.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import GroupedMetadata
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MINUTE, HOUR, DAY, WEEK = 60.0, 3600.0, 86400.0, 7 * 86400.0
MONTH, YEAR = 30 * DAY, 365 * DAY

TIME_UNITS = {
    "ms": 1e-3, "s": 1.0, "min": MINUTE, "h": HOUR, "d": DAY, "w": WEEK, "month": MONTH, "months": MONTH, "y": YEAR,
}  # fmt: skip
COUNT_UNITS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
BYTE_UNITS = {
    "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
}  # fmt: skip
BANDWIDTH_UNITS = {f"{unit}/s": scale for unit, scale in BYTE_UNITS.items()} | {
    "Mb/s": 1e6 / 8, "Gb/s": 1e9 / 8, "Tb/s": 1e12 / 8,
}  # fmt: skip
RATE_UNITS = {f"/{unit}": 1.0 / scale for unit, scale in TIME_UNITS.items() if unit not in ("ms", "months")}
PRICE_UNITS = {"USD/GPU/h": 1.0, "USD/GPU/s": 3600.0, "USD/GPU/d": 1 / 24, "USD/GPU/month": 1 / 720}
DATA_PRICE_UNITS = {"USD/GB": 1e-9, "USD/TB": 1e-12, "USD/GiB": 2.0**-30}
ENERGY_PRICE_UNITS = {"USD/kWh": 1.0, "USD/MWh": 1e-3, "ct/kWh": 1e-2}
CARBON_UNITS = {"kg/kWh": 1.0, "g/kWh": 1e-3, "t/MWh": 1.0}
POWER_UNITS = {"W": 1.0, "kW": 1e3, "MW": 1e6}
CAPEX_UNITS = {f"{money}/{of}": (scale, of) for of in ("node", "GPU") for money, scale in (("USD", 1.0), ("kUSD", 1e3))}
GROWTH_UNITS = {"%/d": DAY, "%/w": WEEK, "%/month": MONTH, "%/y": YEAR}

MOST = 1e21
"""Of any quantity in its base unit: beyond this nothing is planned, and sums of it overflow."""
_QUANTITY = re.compile(r"^\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S*)\s*$")
_DATE = re.compile(r"^\s*\d{4}-\d{1,2}-\d{1,2}")


def split_quantity(value: object) -> tuple[float, str] | None:
    """Number and unit of ``value``, or None where it is not of that form (booleans are not numbers here)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return (float(value), "") if math.isfinite(value) else None
    match = _QUANTITY.match(value) if isinstance(value, str) else None
    return (float(match[1].replace("_", "")), match[2]) if match else None


def _quantity(what: str, units: Mapping[str, float], example: str, *, minimum: float = 0.0, zero: bool = True) -> Callable[[object], float]:
    names = ", ".join(unit for unit in units if unit)

    def parse(value: object) -> float:
        parts = split_quantity(value)
        if parts is None or parts[1] not in units:
            bare = parts is not None and parts[1] == ""
            problem = "which has no unit" if bare else "which cannot be read"
            if parts is not None and not bare:
                problem = f"whose unit {parts[1]!r} does not fit" + _meant(parts[1], units)
            if isinstance(value, str) and _DATE.match(value):
                problem = "which is a date, and times count from the start of what is simulated"
            raise PydanticCustomError(
                "quantity", "found {found}, {problem}; {what} takes one of {names}, as in '{example}'",
                {"found": repr(value), "problem": problem, "what": what, "names": names, "example": example},
            )  # fmt: skip
        number = parts[0] * units[parts[1]]
        if number > MOST:
            raise PydanticCustomError("quantity_range", "found {found}; {what} is never that large", {"found": repr(value), "what": what})
        if number < minimum or (number == 0 and not zero):
            bound = "be more than 0" if not zero else f"not be under {minimum:g}"
            raise PydanticCustomError(
                "quantity_range", "found {found}; {what} must {bound}, as in '{example}'",
                {"found": repr(value), "what": what, "bound": bound, "example": example},
            )  # fmt: skip
        return number

    return parse


def _meant(unit: str, units: Mapping[str, float]) -> str:
    """The longest unit that this one begins with, as ``days`` does; nothing where it begins with none."""
    longest = max((one for one in units if unit.startswith(one)), key=len, default="")
    return f" (did you mean {longest!r}?)" if longest else ""


def _schema(description: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "description": description, "examples": [example]})


parse_duration = _quantity("a duration", TIME_UNITS, "90 min")
parse_positive_duration = _quantity("a duration", TIME_UNITS, "90 d", zero=False)

Duration = Annotated[float, BeforeValidator(parse_duration), _schema("duration, in seconds inside", "90 min")]
PositiveDuration = Annotated[float, BeforeValidator(parse_positive_duration), _schema("duration above 0", "90 d")]
Rate = Annotated[float, BeforeValidator(_quantity("a rate", RATE_UNITS, "40/d", zero=False)), _schema("events per time", "40/d")]
Bytes = Annotated[float, BeforeValidator(_quantity("a size", BYTE_UNITS, "80 GB", zero=False)), _schema("bytes", "80 GB")]
Bandwidth = Annotated[
    float,
    BeforeValidator(_quantity("a bandwidth", BANDWIDTH_UNITS, "450 GB/s", zero=False)),
    _schema("bytes per second", "450 GB/s"),
]
parse_price = _quantity("a price", PRICE_UNITS, "2.49 USD/GPU/h")
parse_energy_price = _quantity("a price of energy", ENERGY_PRICE_UNITS, "0.09 USD/kWh")
parse_carbon = _quantity("a carbon intensity", CARBON_UNITS, "0.35 kg/kWh")
Price = Annotated[float, BeforeValidator(parse_price), _schema("USD per GPU-hour", "2.49 USD/GPU/h")]
Watts = Annotated[float, BeforeValidator(_quantity("a power", POWER_UNITS, "700 W")), _schema("power, in watts inside", "700 W")]
DataPrice = Annotated[
    float,
    BeforeValidator(_quantity("a price of data", DATA_PRICE_UNITS, "0.09 USD/GB")),
    _schema("USD per byte", "0.09 USD/GB"),
]
parse_count = _quantity("a count", COUNT_UNITS, "64B", zero=False)
Count = Annotated[
    float,
    BeforeValidator(parse_count),
    WithJsonSchema({"type": ["string", "number"], "description": "a count; k, M, B, T allowed", "examples": ["300M"]}),
]


def parse_fraction(value: object) -> float:
    """``70%`` or ``0.7`` as 0.7."""
    parts = split_quantity(value)
    if parts is not None and parts[1] in ("", "%"):
        fraction = parts[0] / 100 if parts[1] == "%" else parts[0]
        if 0 <= fraction <= 1:
            return fraction
    raise PydanticCustomError("fraction", "found {found}; a share lies between 0% and 100%, as in '70%'", {"found": repr(value)})


Fraction = Annotated[
    float,
    BeforeValidator(parse_fraction),
    WithJsonSchema({"type": ["string", "number"], "description": "a share, 70% or 0.7", "examples": ["70%"]}),
]


def _parse_growth(value: object) -> float:
    """``10%/month`` as the rate's continuous growth exponent per second."""
    parts = split_quantity(value)
    if parts is None or parts[1] not in GROWTH_UNITS:
        raise PydanticCustomError(
            "growth", "found {found}; growth takes one of {names}, as in '10%/month'",
            {"found": repr(value), "names": ", ".join(GROWTH_UNITS)},
        )  # fmt: skip
    if parts[0] <= -100:
        raise PydanticCustomError(
            "growth", "found {found}, which leaves nothing; more than -100{unit} would do, as in '-10{unit}'",
            {"found": repr(value), "unit": parts[1]},
        )  # fmt: skip
    return math.log1p(parts[0] / 100) / GROWTH_UNITS[parts[1]]


Growth = Annotated[float, BeforeValidator(_parse_growth), _schema("compound growth", "10%/month")]


def _parse_whole(minimum: int, what: str, most: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, str):  # mapping keys and --set values may come as text
            value = int(value) if value.strip().lstrip("+-").isdigit() else value
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise PydanticCustomError(
                "whole", "found {found}; {what} is a whole number, {minimum} or more",
                {"found": repr(value), "what": what, "minimum": minimum},
            )  # fmt: skip
        if value > most:
            says = {"found": value, "what": what, "most": most}
            raise PydanticCustomError("whole", "found {found}; {what} is never more than {most}", says)
        return value

    return parse


@dataclass(frozen=True)
class Whole(GroupedMetadata):
    """Marks an int as a whole number from `minimum` to `most`, whose error names `what`."""

    minimum: int
    what: str
    most: int = 10_000_000

    def __iter__(self) -> Iterator[object]:
        yield BeforeValidator(_parse_whole(self.minimum, self.what, self.most))
        yield WithJsonSchema({"type": "integer", "minimum": self.minimum, "description": self.what})


def format_duration(seconds: float) -> str:
    """``5400`` as ``1.5 h``: three significant digits in the largest unit that keeps the number at 1 or more."""
    if not math.isfinite(seconds):
        return "–"
    for unit in ("d", "h", "min"):
        if abs(seconds) >= TIME_UNITS[unit]:
            return f"{seconds / TIME_UNITS[unit]:.3g} {unit}"
    return f"{seconds:.3g} s" if abs(seconds) >= 1 or seconds == 0 else f"{seconds * 1e3:.3g} ms"
