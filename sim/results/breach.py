"""When a target breaks: the date from which it is missed for good, over a moving window, in each replication and over all of them.

A week of work (or the target's own `window`) is judged as if it were all there was, then the week that begins a seventh of one later, and
so on. The breach date is the end of the first window of the last unbroken run of missed ones, the day on which one could have known; and
only a run as long as two windows side by side is for good. Windows in which no job arrived say nothing and are passed over.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from sim.demand.table import Floats, JobTable
from sim.engine.records import Records
from sim.results.statistics import share_interval
from sim.scenario.scenario import Scenario
from sim.scenario.units import WEEK
from sim.scenario.workloads import Target

STEPS_A_WINDOW = 7
LONGEST_SHARE = 1 / 4
"""Of the horizon: a longer window would leave too few of them to say for good."""


class Breach(BaseModel):
    """A target's breach over replications: the share in which it breaks (with Wilson's 95 % interval), and when.

    Half of the replications have broken by `median_s`, 5 % by `early_s` and 95 % by `late_s`; None lies beyond the horizon.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    workload: str
    figure: str
    limit_s: float
    window_s: float
    probability: float
    probability_low: float
    probability_high: float
    early_s: float | None
    median_s: float | None
    late_s: float | None


def window_of(target: Target, horizon_s: float) -> float:
    """The window that a target is judged over: its own, else a week, and no more than a quarter of the horizon."""
    return min(target.window or WEEK, horizon_s * LONGEST_SHARE)


def limits_of(scenario: Scenario) -> dict[tuple[str, str], float]:
    """Every wait target: (workload, statistic) to seconds."""
    return {
        (name, statistic): limit
        for name, work in scenario.workloads.items()
        if work.target is not None
        for statistic, limit in work.target.wait.model_dump(exclude_none=True).items()
    }


def breach_date(arrival_s: Floats, wait_s: Floats, statistic: str, limit_s: float, window_s: float, horizon_s: float) -> float:
    """When `statistic` of the wait goes over the limit for good; NaN where it does not. `arrival_s` is sorted."""
    ends = np.arange(horizon_s, window_s - 1e-6, -window_s / STEPS_A_WINDOW)[::-1]
    first, last = np.searchsorted(arrival_s, ends - window_s), np.searchsorted(arrival_s, ends)
    told = last > first
    missed = np.array([_statistic(wait_s[low:high], statistic) > limit_s for low, high in zip(first[told], last[told], strict=True)], bool)
    if not len(missed) or not missed[-1]:
        return math.nan
    held = np.flatnonzero(~missed)
    date = float(ends[told][held[-1] + 1 if len(held) else 0])
    return date if date <= horizon_s - window_s + 1e-6 else math.nan


def _statistic(values: Floats, statistic: str) -> float:
    if statistic == "mean":
        return float(values.mean())
    return float(values.max()) if statistic == "max" else float(np.quantile(values, float(statistic[1:]) / 100))


def breach_figures(scenario: Scenario, jobs: JobTable, records: Records, horizon_s: float) -> dict[str, float]:
    """``workload.NAME.breach.STATISTIC_s`` of one replication; NaN where the target does not break."""
    wait = records.waited_s(jobs.arrival_s)
    figures = {}
    for (name, statistic), limit in limits_of(scenario).items():
        target = scenario.workloads[name].target
        assert target is not None
        rows = records.accepted & (jobs.workload == jobs.workloads.index(name))
        window = window_of(target, horizon_s)
        figures[f"workload.{name}.breach.{statistic}_s"] = breach_date(
            jobs.arrival_s[rows], wait[rows], statistic, limit, window, horizon_s
        )
    return figures


def breaches(scenario: Scenario, replications: Sequence[Mapping[str, float]], horizon_s: float) -> tuple[Breach, ...]:
    """Every target's breach over the replications' figures."""
    found = []
    for (name, statistic), limit in limits_of(scenario).items():
        target = scenario.workloads[name].target
        assert target is not None
        dates = np.array([figures[f"workload.{name}.breach.{statistic}_s"] for figures in replications])
        broken = int(np.isfinite(dates).sum())
        low, high = share_interval(broken, len(dates))
        early, median, late = np.quantile(np.where(np.isnan(dates), np.inf, dates), (0.05, 0.5, 0.95), method="inverted_cdf")
        found.append(
            Breach(
                workload=name,
                figure=f"workload.{name}.wait.{statistic}",
                limit_s=limit,
                window_s=window_of(target, horizon_s),
                probability=broken / len(dates),
                probability_low=low,
                probability_high=high,
                early_s=_within(early),
                median_s=_within(median),
                late_s=_within(late),
            )
        )
    return tuple(found)


def _within(date: float) -> float | None:
    return float(date) if np.isfinite(date) else None
