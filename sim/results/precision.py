"""When enough replications have run: the figure asked about is known within the share asked for.

The next number of replications is foreseen from the width so far, which shrinks as one over the root of their number, and looked at only
there: fewer looks than one after each replication, so that stopping early by luck is rarer, and the same looks whoever runs them.
"""

import math

from pydantic import BaseModel, ConfigDict

from sim.results.statistics import Estimate

MOST_AT_ONCE = 2.0
"""No more than this many times the replications so far: a width from few of them may be far off."""


class Precision(BaseModel):
    """How well the figure asked about came to be known; `reached` is the half-width over the mean, None where it has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: str
    within: float
    at_most: int
    reached: float | None

    @property
    def met(self) -> bool:
        return self.reached is not None and self.reached <= self.within


def relative_half_width(estimate: Estimate) -> float | None:
    """The larger half of the interval over the mean; 0 for a figure that is always zero."""
    if estimate.mean is None or estimate.low is None or estimate.high is None:
        return None
    half = max(estimate.high - estimate.mean, estimate.mean - estimate.low)
    return 0.0 if half == 0 else half / abs(estimate.mean) if estimate.mean else math.inf


def wanted(done: int, precision: Precision, *, pairs: bool = False) -> int:
    """Replications to have before looking again; `done` itself where it is enough. Even, where they come in `pairs`."""
    if precision.met or done >= precision.at_most:
        return done
    ratio = MOST_AT_ONCE if precision.reached is None else min((precision.reached / precision.within) ** 2, MOST_AT_ONCE)
    count = max(math.ceil(done * ratio), done + 1)
    return min(count + count % 2 if pairs else count, precision.at_most)
