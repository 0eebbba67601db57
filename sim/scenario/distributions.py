"""Uncertain quantities given as the user thinks: a constant, ``{median, p95}``, or a mix of choices with shares.

``{median, p95}`` is a lognormal: its logarithm's mean is ln(median) and its standard deviation
ln(p95/median)/z with z = 1.6449, the 95 % point of the standard normal. ``{mean: X}`` alone is exponential.
Specifications only; drawing from them is `sim.demand.sampling`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import GroupedMetadata
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sim.scenario.units import parse_count, parse_duration, parse_fraction, split_quantity

Z95 = 1.6448536269514722
FAR_TAIL = 1e-12
"""Of a lognormal's probability: less is not told from rounding."""


@dataclass(frozen=True)
class Distribution:
    """A positive random quantity; `spread` is the lognormal's log standard deviation (0 for the other shapes)."""

    shape: Literal["constant", "lognormal", "exponential"]
    centre: float
    spread: float = 0.0

    @property
    def mean(self) -> float:
        return self.centre * math.exp(self.spread**2 / 2) if self.shape == "lognormal" else self.centre

    @property
    def least(self) -> float:
        """What it is never under."""
        return self.centre if self.shape == "constant" or (self.shape == "lognormal" and self.spread == 0) else 0.0

    def remaining(self, elapsed: float) -> float:
        """Mean of what is left once `elapsed` has passed without an end (the mean residual life); 0 for a constant that is over.

        Of a lognormal: mean · Φ(σ − z) / Φ(−z) − elapsed with z = ln(elapsed / median) / σ.
        """
        if self.shape == "exponential":
            return self.centre
        if self.shape == "constant" or self.spread == 0 or elapsed <= 0:
            return max(self.mean - elapsed, 0.0)
        z = math.log(elapsed / self.centre) / self.spread
        still = math.erfc(z / math.sqrt(2))
        if still < FAR_TAIL:
            return elapsed * self.spread / z  # Mills' ratio: far out, the tail falls as a power
        return max(self.mean * math.erfc((z - self.spread) / math.sqrt(2)) / still - elapsed, 0.0)


def lognormal(median: float, p95: float) -> Distribution:
    """The lognormal of this median and 95 % point."""
    return Distribution("lognormal", median, math.log(p95 / median) / Z95)


@dataclass(frozen=True)
class Mix:
    """Whole-number choices with their shares (which add up to 1)."""

    values: tuple[int, ...]
    shares: tuple[float, ...]


def _distribution(parse: Callable[[object], float], example: str) -> Callable[[object], Distribution]:
    def build(value: object) -> Distribution:
        if isinstance(value, Distribution):
            return value
        if not isinstance(value, dict):
            return Distribution("constant", parse(value))
        keys = set(value)
        if keys == {"median", "p95"}:
            median, p95 = parse(value["median"]), parse(value["p95"])
            if not 0 < median <= p95:
                raise PydanticCustomError(
                    "distribution", "found median {median} and p95 {p95}; the median must be above 0 and not above p95",
                    {"median": value["median"], "p95": value["p95"]},
                )  # fmt: skip
            return lognormal(median, p95)
        if keys == {"mean"}:
            return Distribution("exponential", parse(value["mean"]))
        raise PydanticCustomError(
            "distribution", "found {found}; write one value ('{example}'), {median: …, p95: …} or {mean: …} (exponential)",
            {"found": "{" + ", ".join(map(str, value)) + "}", "example": example},
        )  # fmt: skip

    return build


def _distribution_schema(example: str, *, number: bool) -> WithJsonSchema:
    value = {"type": ["string", "number"] if number else "string", "examples": [example]}
    return WithJsonSchema(
        {
            "description": "one value, {median, p95} (lognormal) or {mean} (exponential)",
            "anyOf": [
                value,
                {
                    "type": "object",
                    "properties": {"median": value, "p95": value, "mean": value},
                    "additionalProperties": False,
                },
            ],
        }
    )


DurationDistribution = Annotated[
    Distribution, BeforeValidator(_distribution(parse_duration, "20 min")), _distribution_schema("20 min", number=False)
]
CountDistribution = Annotated[Distribution, BeforeValidator(_distribution(parse_count, "300M")), _distribution_schema("300M", number=True)]


def _mix(minimum: int, what: str) -> Callable[[object], Mix]:
    def choice(value: object) -> int:
        parts = split_quantity(value)
        if parts is None or parts[1] or parts[0] != int(parts[0]) or parts[0] < minimum:
            raise PydanticCustomError(
                "mix", "found {found}; {what} is a whole number, {minimum} or more",
                {"found": repr(value), "what": what, "minimum": minimum},
            )  # fmt: skip
        return int(parts[0])

    def build(value: object) -> Mix:
        if isinstance(value, Mix):
            return value
        if not isinstance(value, dict):
            return Mix((choice(value),), (1.0,))
        values = tuple(choice(key) for key in value)
        shares = tuple(parse_fraction(share) for share in value.values())
        if abs(sum(shares) - 1) > 1e-6:
            raise PydanticCustomError("mix", "the shares add up to {total}; they must add up to 100%", {"total": f"{sum(shares):.4g}"})
        return Mix(values, tuple(share / sum(shares) for share in shares))

    return build


@dataclass(frozen=True)
class MixOf(GroupedMetadata):
    """Marks a `Mix`, written as one whole number of at least `minimum` or as ``{8: 70%, 16: 30%}``."""

    minimum: int
    what: str

    def __iter__(self) -> Iterator[object]:
        yield BeforeValidator(_mix(self.minimum, self.what))
        one = {"type": "integer", "minimum": self.minimum}
        yield WithJsonSchema({"anyOf": [one, {"type": "object"}], "description": f"{self.what}, or a mix, as in {{2: 30%, 8: 70%}}"})


ONE = Mix((1,), (1.0,))
