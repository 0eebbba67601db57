"""What a key may take in a study: a list of choices, or a range as a planner writes it.

``[0, 16, 32]`` and ``[{on-demand: 3.10 USD/GPU/h}, {reserved: 2.20 USD/GPU/h, term: 1 y}]`` are choices; ``0..96``, ``0..96 step 8`` and
``10/d..40/d step 10/d`` are ranges, both ends among their values. Whole numbers go in steps of 1; a range of other numbers without a step
is continuous, and only sampling can take values from it. A bound without a unit has the other's: ``5..30 min step 5 min``.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sim.scenario.units import split_quantity

MOST_VALUES = 10_000


@dataclass(frozen=True)
class Choices:
    """Values as they would be written in a scenario; `ordered` where they are the steps of a range."""

    values: tuple[Any, ...]
    ordered: bool = False


@dataclass(frozen=True)
class Span:
    """Any number from `low` to `high`, written with `unit`."""

    low: float
    high: float
    unit: str

    def at(self, share: float) -> float | str:
        """The value this share of the way from `low` to `high`."""
        return _written(self.low + share * (self.high - self.low), self.unit)


Values = Choices | Span


def _bounds(value: object) -> list[tuple[float, str]] | None:
    """Low end, high end and, where it has one, step of text of the form ``a..b step s``; None for anything else, as a path with dots."""
    if not isinstance(value, str) or ".." not in value:
        return None
    low, _, rest = value.partition("..")
    parts = [split_quantity(part) for part in (low, *rest.split(" step "))]
    quantities = [part for part in parts if part is not None]
    return quantities if len(quantities) == len(parts) <= 3 else None


def is_range(value: object) -> bool:
    """Whether this is text of the form ``a..b``."""
    return _bounds(value) is not None


def parse_values(value: object) -> Values:
    """A list or a range; PydanticCustomError where there is nothing to choose from."""
    if isinstance(value, Choices | Span):
        return value
    if isinstance(value, list):
        values: list[Any] = []
        for item in value:
            bounds = _bounds(item)
            steps = _range(item, bounds) if bounds else Choices((item,))
            if isinstance(steps, Span):
                raise PydanticCustomError("values", "found {found} in a list, a range without a step; add one", {"found": repr(item)})
            values += steps.values
        if not values:
            raise PydanticCustomError("values", "found an empty range; give at least one value, as in [0, 16, 32] or 0..96", {})
        return Choices(tuple(values))
    bounds = _bounds(value)
    if bounds:
        return _range(str(value), bounds)
    raise PydanticCustomError(
        "values", "found {found}; write a list, as in [0, 16, 32], or a range, as in 0..96, 0..96 step 8 or 1 h..8 h step 1 h",
        {"found": repr(value)},
    )  # fmt: skip


def _range(text: str, bounds: list[tuple[float, str]]) -> Values:
    unit = next((unit for _, unit in bounds if unit), "")
    if any(one not in ("", unit) for _, one in bounds):
        raise PydanticCustomError(
            "values", "found {found}; both ends of a range, and its step, have one unit, as in 1 h..8 h step 1 h", {"found": repr(text)}
        )
    low, high = bounds[0][0], bounds[1][0]
    step = bounds[2][0] if len(bounds) == 3 else 1.0 if not unit and low == int(low) and high == int(high) else None
    if high < low:
        raise PydanticCustomError("values", "found an empty range, {found}; the lower end comes first", {"found": repr(text)})
    spaced = f" {unit}" if re.search(rf"\d\s+{re.escape(unit)}", text) and unit else unit
    if step is None:
        return Span(low, high, spaced)
    if step <= 0 or (high - low) / step >= MOST_VALUES:
        raise PydanticCustomError(
            "values", "found {found}; a step is more than 0, and leaves at most {most} values", {"found": repr(text), "most": MOST_VALUES}
        )
    count = int((high - low) / step + 1e-9) + 1
    return Choices(tuple(_written(low + index * step, spaced) for index in range(count)), ordered=True)


def _written(number: float, unit: str) -> float | str:
    """The number as a scenario would hold it: plain where it has no unit, whole where it is."""
    rounded = float(f"{number:.10g}")
    if unit:
        return f"{number:.10g}{unit}"
    return int(rounded) if rounded == int(rounded) else rounded


ValuesOf = Annotated[
    Choices | Span,
    BeforeValidator(parse_values),
    WithJsonSchema(
        {
            "anyOf": [{"type": "array", "minItems": 1}, {"type": "string", "examples": ["0..96", "0..96 step 8", "10/d..40/d step 10/d"]}],
            "description": "a list of values, or a range",
        }
    ),
]
