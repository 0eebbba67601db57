"""Figures of one replication and estimates over several: the same five statistics everywhere, and Student's t around their means."""

import math
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

from sim.demand.table import Floats

CONFIDENCE = 0.95
STATISTICS = ("mean", "p50", "p95", "p99", "max")


def describe(values: Floats) -> dict[str, float]:
    """The five statistics of a sample; NaN where it is empty."""
    if len(values) == 0:
        return dict.fromkeys(STATISTICS, math.nan)
    p50, p95, p99 = np.quantile(values, (0.5, 0.95, 0.99))
    return {"mean": float(values.mean()), "p50": float(p50), "p95": float(p95), "p99": float(p99), "max": float(values.max())}


class Estimate(BaseModel):
    """A figure's mean over replications and its 95 % t-interval; no interval from a single replication."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    mean: float | None
    low: float | None = None
    high: float | None = None
    values: tuple[float | None, ...]
    """The figure in each replication; null where it had nothing to measure."""


def estimate(values: Sequence[float | None], *, least: float = -math.inf) -> Estimate:
    """Mean and Student's t-interval (unknown variance, n − 1 degrees of freedom) over the replications that measured the figure.

    The interval is cut at `least`, under which the figure cannot be.
    """
    kept = tuple(None if value is None or math.isnan(value) else float(value) for value in values)
    sample = np.array([value for value in kept if value is not None])
    if len(sample) == 0:
        return Estimate(mean=None, values=kept)
    mean = float(sample.mean())
    if len(sample) == 1:
        return Estimate(mean=mean, values=kept)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample)))
    return Estimate(mean=mean, low=max(mean - half, least), high=mean + half, values=kept)
