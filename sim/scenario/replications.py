"""How often a plan is repeated: a fixed number of times, or until a figure is known well enough."""

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from sim.scenario.model import Word
from sim.scenario.units import Fraction, Whole


def _above_zero(share: float) -> float:
    if share <= 0:
        raise PydanticCustomError("precision", "found 0; a precision is a share above 0%, as in '5%'")
    return share


class Until(Word):
    """Replications are added until the 95 % interval of `figure` is within this share of its mean either side, or `at_most` have run."""

    figure: str
    within: Annotated[Fraction, AfterValidator(_above_zero)]
    at_most: Annotated[int, Whole(2, "the largest number of replications")] = 100
