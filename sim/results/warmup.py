"""Whether the warm-up is long enough: MSER-5 on how many jobs wait and how many GPUs work, over time.

MSER drops the first d of k observations for which the squared standard error of the rest, Σ(x − mean)² / (k − d)², is smallest; MSER-5
looks at means of five (K. P. White, 1997; White, Cobb and Spratt, 2000). Here the observations are the timeline's spans, averaged over
replications, so that a start-up shows through the noise; where work follows the day or the week, batches are whole days or weeks. Jobs
waiting stand for the wait, which by Little's law they are but for the rate.

MSER alone cries wolf on correlated noise. So a warm-up is called short only where the longer cut also moves the mean by more than chance,
and by enough to matter: the relative bias, taken replication by replication, has an interval that leaves out zero, and is 1 % or more.
"""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from sim.demand.table import Floats
from sim.results.difference import difference
from sim.results.statistics import estimate
from sim.scenario.scenario import Scenario
from sim.scenario.units import DAY, WEEK
from sim.scenario.workloads import TraceWorkload

SPANS_A_BATCH = 5
FEWEST_BATCHES = 10
"""With fewer, half of which may be cut, nothing can be said."""
LEAST_BIAS = 0.01
"""Of the mean: of less nobody need be warned."""
USED = "GPUs in use"
SERIES = {"waiting_jobs": "jobs waiting", "waiting_gpus": "GPUs waited for", "used_gpus": USED}
CYCLES = {"diurnal": DAY, "office-hours": WEEK}

Outcome = Literal["enough", "short", "unsettled", "changing", "untold"]


class WarmupCheck(BaseModel):
    """One series' outcome.

    `short`: the first `cut_s` should not be measured, and measuring from the configured warm-up on puts the mean off by `bias` (relative,
    with its interval). `unsettled`: still moving when half of the horizon is over; `bias` is then against that half. `changing`: work or
    capacity changes by design, so there is no steady state to warm up to. `untold`: the horizon has too few batches.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: str
    outcome: Outcome
    cut_s: float | None = None
    bias: float | None = None
    bias_low: float | None = None
    bias_high: float | None = None


def mser_cut(batches: Floats) -> int | None:
    """How many of the first batches to drop; None where the best cut lies at half of them, the latest that MSER trusts."""
    count = len(batches)
    latest = count // 2
    # Σ(x − mean)² of every tail at once, from the end on.
    back = batches[::-1] - batches.mean()
    left = np.arange(1, count + 1)
    squares = (np.cumsum(back**2) - np.cumsum(back) ** 2 / left)[::-1]
    error = np.maximum(squares, 0.0)[: latest + 1] / (count - np.arange(latest + 1)) ** 2
    best = int(np.argmin(error))
    return None if best == latest and latest > 0 else best


def check_warmup(scenario: Scenario, timeline: pd.DataFrame, horizon_s: float) -> tuple[WarmupCheck, ...]:
    """Each series of a run's timeline (all replications, all pools) against the scenario's warm-up."""
    changing = _changing(scenario)
    drawn = [work.arrivals for work in scenario.workloads.values() if not isinstance(work, TraceWorkload)]
    cycle = max((CYCLES.get(arrivals.profile, 0.0) for arrivals in drawn), default=0.0)
    found = []
    for column, name in SERIES.items():
        if changing:
            found.append(WarmupCheck(series=name, outcome="changing"))
            continue
        levels = timeline.pivot_table(index="replication", columns="time_s", values=column, aggfunc="sum", observed=True).to_numpy(
            np.float64
        )
        found.append(check_levels(name, levels, scenario.warmup, horizon_s, cycle))
    return tuple(found)


def _changing(scenario: Scenario) -> bool:
    for work in scenario.workloads.values():
        if isinstance(work, TraceWorkload) or work.arrivals.growth or work.arrivals.at:
            return True
    return any(pool.deliveries or pool.expiries for pool in scenario.pools().values())


def check_levels(series: str, levels: Floats, warmup_s: float, horizon_s: float, cycle_s: float = 0.0) -> WarmupCheck:
    """`levels` has shape (replications, spans): means over equal spans of the horizon. `cycle_s` is the length of a day or week of work."""
    batch_s = horizon_s / levels.shape[1] * SPANS_A_BATCH
    if cycle_s:
        batch_s = cycle_s * np.ceil(batch_s / cycle_s)
    count = int(horizon_s / batch_s + 1e-9)
    if count < FEWEST_BATCHES:
        return WarmupCheck(series=series, outcome="untold")
    edges = batch_s * np.arange(count + 1)
    batches = np.diff(_integral(levels, horizon_s, edges)).mean(axis=0) / batch_s
    cut = mser_cut(batches)
    cut_s = float(edges[count // 2 if cut is None else cut])
    if cut_s <= warmup_s:
        return WarmupCheck(series=series, outcome="enough", cut_s=cut_s)
    measured, settled = (_mean_from(levels, horizon_s, start) for start in (warmup_s, cut_s))
    bias = difference(estimate(measured.tolist()), estimate(settled.tolist()), paired=True)
    slight = bias.mean == 0 or (bias.relative is not None and abs(bias.relative) < LEAST_BIAS)
    if slight or (len(levels) > 1 and not bias.shown):
        return WarmupCheck(series=series, outcome="enough", cut_s=cut_s)
    return WarmupCheck(
        series=series,
        outcome="unsettled" if cut is None else "short",
        cut_s=cut_s,
        bias=bias.relative,
        bias_low=bias.relative_low,
        bias_high=bias.relative_high,
    )


def _integral(levels: Floats, horizon_s: float, points: Floats) -> Floats:
    """∫ of each row from 0 to each point."""
    ends = np.linspace(0.0, horizon_s, levels.shape[1] + 1)
    area = np.concatenate([np.zeros((len(levels), 1)), np.cumsum(levels, axis=1) * (horizon_s / levels.shape[1])], axis=1)
    return np.array([np.interp(points, ends, row) for row in area])


def _mean_from(levels: Floats, horizon_s: float, start_s: float) -> Floats:
    return np.asarray(np.diff(_integral(levels, horizon_s, np.array([start_s, horizon_s])))[:, 0] / (horizon_s - start_s))
