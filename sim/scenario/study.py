"""What is asked of a scenario beyond one run: plans to compare, keys to sweep, and the cheapest plan to look for."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from sim.scenario.model import PlanName, Word
from sim.scenario.units import Fraction, Whole
from sim.scenario.values import Span, Values, ValuesOf


class Sweep(Word):
    """Keys of the scenario, each with the values it takes: ``{providers.cloud.pools.h100.nodes: [0, 16, 32]}``.

    A grid runs every combination; a Latin hypercube runs `points` of them, each key's values taken equally often.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, ValuesOf] = Field(init=False)

    sample: Literal["grid", "latin-hypercube"] = "grid"
    points: Annotated[int, Whole(1, "the number of points")] | None = None

    @property
    def over(self) -> dict[str, Values]:
        return dict(self.__pydantic_extra__)

    @model_validator(mode="after")
    def _sample(self) -> Self:
        if not self.over:
            example = "{providers.cloud.pools.h100.nodes: [0, 16, 32]}"
            raise PydanticCustomError("sweep", "found no key to vary; write one, as in {example}", {"example": example})
        if (self.sample == "latin-hypercube") != (self.points is not None):
            raise PydanticCustomError(
                "sweep", "found {found}; a Latin hypercube has both, as in 'sample: latin-hypercube' with 'points: 50', and a grid neither",
                {"found": "no points" if self.points is None else "points without 'sample: latin-hypercube'"},
            )  # fmt: skip
        spans = [key for key, values in self.over.items() if isinstance(values, Span)]
        if spans and self.sample == "grid":
            raise PydanticCustomError(
                "sweep", "found a range without a step for {key}; a grid needs one, as in '1 h..8 h step 1 h'", {"key": spans[0]}
            )
        return self


class Optimise(Word):
    """The cheapest plan that meets every target, each key of `over` taking one of its values.

    At most `trials` plans are simulated in the search; the best of them are run again with `confirm` fresh replications.
    """

    minimise: Literal["cost"] = "cost"
    subject_to: Literal["targets"] = "targets"
    over: Annotated[dict[str, ValuesOf], Field(min_length=1)]
    trials: Annotated[int, Whole(1, "the number of plans tried")] = 100
    confirm: Annotated[int, Whole(2, "the number of fresh replications")] = 20

    @model_validator(mode="after")
    def _steps(self) -> Self:
        for key, values in self.over.items():
            if isinstance(values, Span):
                raise PydanticCustomError(
                    "optimise", "found a range without a step for {key}; add one, as in '1 h..8 h step 1 h'", {"key": key}
                )
        return self


def _power_of_two(points: int) -> int:
    if points & (points - 1):
        raise PydanticCustomError("sensitivity", "found {found} points for Sobol; a power of two, as in 64, would do", {"found": points})
    return points


class Sensitivity(Word):
    """How much each input moves each of `figures`: the keys of `over` between the ends of their ranges, or without any every arrival rate,
    number of nodes, price, provisioning delay and delivery date by `within` either side. Calibration errors are inputs besides.

    Morris' screening takes `trajectories` of (inputs + 1) plans; with `sobol`, a power of two, that many times (inputs + 2) plans give
    Sobol's indices instead.
    """

    over: dict[str, ValuesOf] = Field(default_factory=dict)
    within: Fraction = 0.2
    figures: Annotated[tuple[str, ...], Field(min_length=1, strict=False)] = ("wait.p95", "cost.usd")
    trajectories: Annotated[int, Whole(2, "the number of trajectories")] = 8
    sobol: Annotated[int, Whole(2, "the number of points"), AfterValidator(_power_of_two)] | None = None

    @model_validator(mode="after")
    def _something_varies(self) -> Self:
        if not self.over and not 0 < self.within < 1:
            raise PydanticCustomError("sensitivity", "found nothing to vary by; a share between 0% and 100%, as in 20%, would do")
        return self


class Study(Word):
    """Plans to compare (each a name and the keys it overrides), a sweep, an optimisation, a sensitivity study: each has its own command."""

    compare: dict[PlanName, dict[str, Any]] = Field(default_factory=dict)
    sweep: Sweep | None = None
    optimise: Optimise | None = None
    sensitivity: Sensitivity | None = None
