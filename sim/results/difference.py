"""How far one plan's figure is from another's: the difference and the ratio of means, each with its 95 % interval.

Under common random numbers replication k of both plans saw the same demand, so the difference is taken pair by pair and most of the noise
cancels (paired t). Plans that share no random numbers are compared as independent samples (Welch's t, Satterthwaite's degrees of freedom).
The ratio's interval is Fieller's: all ratios R for which a t-test does not reject mean(plan) − R·mean(base) = 0 (E. C. Fieller, "Some
problems in interval estimation", 1954). It needs no logarithm, so waits of zero do not break it, and of pairs it leaves out "no change"
exactly when the difference's interval leaves out zero. Of figures that are never negative, as waits and costs, no ratio is: their interval
is cut at 100 % less.
"""

import math
from collections.abc import Sequence

import numpy as np

from sim.demand.table import Floats
from sim.results.statistics import CONFIDENCE, Estimate, Intervals, estimate, pair_means, t_quantile


class Difference(Estimate):
    """`mean`, `low` and `high` of plan − base in the figure's unit, and the same relative to the base: −0.41 is 41 % less.

    `values` are the differences by replication; empty where the plans are not `paired`. `relative_low` and `relative_high` are None where
    the base is so close to zero that no ratio can be bounded.
    """

    paired: bool = True
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out "no difference"."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def difference(plan: Estimate, base: Estimate, *, paired: bool, antithetic: bool = False) -> Difference:
    """`plan` against `base`; `paired` where replication k of both saw the same random numbers: over the replications that both have.

    With `antithetic` replications their pairs are what is independent.
    """
    return _paired(plan, base, antithetic) if paired else _unpaired(plan, base, antithetic)


def _paired(plan: Estimate, base: Estimate, antithetic: bool) -> Difference:
    pairs = list(zip(plan.values, base.values, strict=False))
    found = estimate([None if one is None or other is None else one - other for one, other in pairs], intervals=Intervals(pairs=antithetic))
    both = np.array([(math.nan, math.nan) if one is None or other is None else (one, other) for one, other in pairs]).reshape(-1, 2)
    ones, others = (pair_means(column) if antithetic else column[~np.isnan(column)] for column in both.T)
    if len(ones) == 0:
        return Difference(mean=None, values=found.values)
    both = np.stack([ones, others], axis=1)
    spread = np.cov(ones, others) / len(both) if len(both) > 1 else None
    relative = _ratio(ones, others, spread, len(both) - 1)
    return Difference(mean=found.mean, low=found.low, high=found.high, values=found.values, **relative)


def _unpaired(plan: Estimate, base: Estimate, antithetic: bool) -> Difference:
    ones, others = _measured(plan.values, antithetic), _measured(base.values, antithetic)
    if not len(ones) or not len(others):
        return Difference(mean=None, values=(), paired=False)
    mean = float(ones.mean() - others.mean())
    if min(len(ones), len(others)) < 2:
        return Difference(mean=mean, values=(), paired=False, **_ratio(ones, others, None, 0))
    spread = np.diag([ones.var(ddof=1) / len(ones), others.var(ddof=1) / len(others)])
    total = float(np.trace(spread))
    weight = spread[0, 0] ** 2 / (len(ones) - 1) + spread[1, 1] ** 2 / (len(others) - 1)
    freedom = total**2 / weight if weight else math.inf
    half = _t(freedom) * math.sqrt(total)
    relative = _ratio(ones, others, spread, freedom)
    return Difference(mean=mean, low=mean - half, high=mean + half, values=(), paired=False, **relative)


def _measured(values: Sequence[float | None], antithetic: bool) -> Floats:
    column = np.array(values, np.float64)
    return pair_means(column) if antithetic else column[~np.isnan(column)]


def _t(freedom: float) -> float:
    return t_quantile(0.5 + CONFIDENCE / 2, freedom)


def _ratio(plans: Floats, bases: Floats, spread: Floats | None, freedom: float) -> dict[str, float | None]:
    """The ratio of means less 1 with Fieller's interval; `spread` is the covariance matrix of the two means."""
    plan, base = float(plans.mean()), float(bases.mean())
    if base == 0:
        return {}
    found: dict[str, float | None] = {"relative": plan / base - 1}
    if spread is None:
        return found
    t2 = _t(freedom) ** 2
    a = base**2 - t2 * spread[1, 1]
    if a <= 0:  # the base may be zero: every ratio is possible
        return found
    half_b = plan * base - t2 * spread[0, 1]
    c = plan**2 - t2 * spread[0, 0]
    root = math.sqrt(max(half_b**2 - a * c, 0.0))
    low, high = (half_b - root) / a - 1, (half_b + root) / a - 1
    if min(plans.min(), bases.min()) >= 0:
        low = max(low, -1.0)
    return found | {"relative_low": low, "relative_high": high}
