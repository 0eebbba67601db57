"""Figures of one replication and estimates over several: the same five statistics everywhere, and intervals around their means."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from sim.demand.streams import stream
from sim.demand.table import Floats
from sim.results.bootstrap import bca

CONFIDENCE = 0.95
STATISTICS = ("mean", "p50", "p95", "p99", "max")


def describe(values: Floats) -> dict[str, float]:
    """The five statistics of a sample; NaN where it is empty."""
    if len(values) == 0:
        return dict.fromkeys(STATISTICS, math.nan)
    p50, p95, p99 = np.quantile(values, (0.5, 0.95, 0.99))
    return {"mean": float(values.mean()), "p50": float(p50), "p95": float(p95), "p99": float(p99), "max": float(values.max())}


def described(figure: str) -> str:
    """What a figure is a statistic of, whatever its workload is called: ``wait`` of ``workload.tunes.wait.p95``, nothing of ``jobs``."""
    *_, what, statistic = ("", "", *figure.split("."))
    return what if statistic in STATISTICS else ""


@dataclass(frozen=True)
class Intervals:
    """How intervals are made: by Student's t, or by a bootstrap whose resamples come from `seed`; from `pairs` of antithetic replications,
    whose two halves are not independent and count as one."""

    method: Literal["t", "bootstrap"] = "t"
    pairs: bool = False
    seed: int = 0


BY_T = Intervals()


class Estimate(BaseModel):
    """A figure's mean over replications and its 95 % interval; none from a single replication (or pair of them)."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    mean: float | None
    low: float | None = None
    high: float | None = None
    values: tuple[float | None, ...]
    """The figure in each replication; null where it had nothing to measure."""

    def within(self, limit: float) -> tuple[int, int]:
        """How many replications kept the figure to `limit`, of those that measured it."""
        measured = [value for value in self.values if value is not None]
        return sum(value <= limit for value in measured), len(measured)


def estimate(
    values: Sequence[float | None], *, least: float = -math.inf, most: float = math.inf, intervals: Intervals = BY_T, name: str = ""
) -> Estimate:
    """Mean and interval over the replications that measured the figure: Student's t with n − 1 degrees of freedom, or the bootstrap.

    The interval is cut at `least` and `most`, beyond which the figure cannot be. `name` gives the figure resamples of its own.
    """
    kept = tuple(None if value is None or math.isnan(value) else float(value) for value in values)
    measured = np.array([value for value in kept if value is not None])
    if len(measured) == 0:
        return Estimate(mean=None, values=kept)
    sample = measured if not intervals.pairs else pair_means(np.array(kept, np.float64))
    if len(sample) < 2:
        return Estimate(mean=float(measured.mean()), values=kept)
    mean = float(sample.mean())
    if intervals.method == "bootstrap":
        low, high = bca(sample, CONFIDENCE, stream(intervals.seed, 0, "bootstrap", name))
    else:
        half = t_quantile(0.5 + CONFIDENCE / 2, len(sample) - 1) * float(sample.std(ddof=1)) / math.sqrt(len(sample))
        low, high = mean - half, mean + half
    return Estimate(mean=mean, low=max(low, least), high=min(high, most), values=kept)


def t_quantile(share: float, freedom: float) -> float:
    """The point under which `share` of Student's t with that many degrees of freedom lies."""
    from scipy.special import stdtrit  # here: a worker process makes no intervals, and all of scipy.stats takes half a second

    return float(stdtrit(freedom, share))


def share_interval(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share seen `hits` times in `of` (E. B. Wilson, 1927)."""
    from scipy.special import ndtri

    z, seen = float(ndtri(0.5 + CONFIDENCE / 2)), hits / of
    centre = (seen + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z * math.sqrt(seen * (1 - seen) / of + z**2 / (4 * of**2)) / (1 + z**2 / of)
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == of else centre + half)


def pair_means(values: Floats) -> Floats:
    """Means of antithetic pairs (2k, 2k + 1), NaN where nothing was measured; a pair with one half measured is that half."""
    halves = values[: len(values) // 2 * 2].reshape(-1, 2)
    either = halves[~np.isnan(halves).all(axis=1)]
    return np.asarray(np.nanmean(either, axis=1))
