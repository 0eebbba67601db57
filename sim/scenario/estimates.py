"""How long users say their jobs will run: a factor of the true run time, which backfilling and shortest-job-first believe."""

from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sim.scenario.distributions import Distribution, lognormal
from sim.scenario.units import split_quantity


def _factor(value: object) -> float:
    parts = split_quantity(value)
    if parts is None or parts[1] not in ("", "x") or parts[0] <= 0:
        raise PydanticCustomError(
            "estimate",
            "found {found}; an estimate is a factor of the true run time above 0, as in 2 or {example}",
            {"found": repr(value), "example": "{median: 2, p95: 5}"},
        )
    return parts[0]


def _estimate(value: object) -> Distribution:
    if isinstance(value, Distribution):
        return value
    if isinstance(value, dict) and set(value) == {"median", "p95"}:
        median, p95 = _factor(value["median"]), _factor(value["p95"])
        if median <= p95:
            return lognormal(median, p95)
    return Distribution("constant", _factor(value))


EstimateFactor = Annotated[
    Distribution,
    BeforeValidator(_estimate),
    WithJsonSchema({"description": "estimated over true run time: a factor, or {median, p95}", "examples": [2, {"median": 2, "p95": 5}]}),
]
