"""Where paid GPU-hours went: useful work, and every way to lose them. The parts add up to what was paid.

Running: useful, `restart` (starting again after an interruption) and `lost_work` (done and never saved). Not running: `broken` (paid, and
down), `fragmentation` (free while jobs waited for the pool: too scattered, or waiting for the rest of a gang's nodes) and `idle` (free,
and nobody waited, or only for data on the way).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.demand.table import Floats, JobTable
from sim.engine.pool import PoolPlan
from sim.engine.records import RESIZE, Records
from sim.results.paid import paid_spans
from sim.results.usage import overlap_s, runs
from sim.results.wait_pieces import DATA, Pieces, wait_pieces
from sim.scenario.units import HOUR

PARTS = ("useful", "restart", "lost_work", "broken", "fragmentation", "idle")


@dataclass(frozen=True)
class _Steps:
    """A level over time: it changes by `change` at `time_s`."""

    time_s: Floats
    change: Floats

    @classmethod
    def spans(cls, from_s: Floats, to_s: Floats, height: Floats) -> "_Steps":
        return cls(np.concatenate([from_s, to_s]), np.concatenate([height, -height]))

    @classmethod
    def levels(cls, steps: Sequence[tuple[int, float, int]], pool: int) -> "_Steps":
        time = np.array([time for which, time, _ in steps if which == pool], np.float64)
        level = np.array([gpus for which, _, gpus in steps if which == pool], np.float64)
        return cls(time, np.diff(level, prepend=0.0))


def loss_figures(
    jobs: JobTable, records: Records, plans: Sequence[PoolPlan], horizon_s: float, pieces: Pieces | None = None
) -> dict[str, float]:
    """``losses.PART_gpu_hours`` by part, over [0, horizon]; ``interruptions.CAUSE``, and the share of running time that was useful.

    Where jobs are elastic, ``resizes``. `pieces` are the parts of waits, where they are known already.
    """
    totals = dict.fromkeys(PARTS, 0.0) | _running(jobs, records, horizon_s)
    pieces = wait_pieces(jobs, records) if pieces is None else pieces
    for index, plan in enumerate(plans):
        queued = pieces.rows((pieces.pool == index) & (pieces.reason != DATA))
        for part, hours in _not_running(jobs, records, index, plan, queued, horizon_s).items():
            totals[part] += hours
    figures = {f"losses.{part}_gpu_hours": hours for part, hours in totals.items()}
    ran = totals["useful"] + totals["restart"] + totals["lost_work"]
    figures["effective_time"] = totals["useful"] / ran if ran else np.nan
    causes = [one.cause for one in records.attempts if one.end_s < horizon_s]
    figures["interruptions"] = float(len(causes) - causes.count(RESIZE))
    if jobs.elastic:
        figures["resizes"] = float(causes.count(RESIZE))
    return figures | {f"interruptions.{cause}": float(causes.count(cause)) for cause in sorted(set(causes) - {RESIZE})}


def _running(jobs: JobTable, records: Records, horizon_s: float) -> dict[str, float]:
    run = runs(jobs, records)
    gpus = run.gpus
    went = {
        "restart": overlap_s(run.start_s, run.start_s + run.restart_s, 0.0, horizon_s),
        "lost_work": overlap_s(run.end_s - run.lost_s, run.end_s, 0.0, horizon_s),
    }
    totals = {part: float((seconds * gpus).sum()) / HOUR for part, seconds in went.items()}
    used = float((overlap_s(run.start_s, run.end_s, 0.0, horizon_s) * gpus).sum()) / HOUR
    return totals | {"useful": used - sum(totals.values())}


def _not_running(jobs: JobTable, records: Records, pool: int, plan: PoolPlan, waits_here: Pieces, horizon_s: float) -> dict[str, float]:
    run = runs(jobs, records)
    here = run.pool == pool
    used = _Steps.spans(run.start_s[here], run.end_s[here], run.gpus[here].astype(np.float64))
    queued = _Steps.spans(waits_here.from_s, waits_here.to_s, np.ones(len(waits_here.job)))
    spans = paid_spans(pool, plan, records)
    paid = _Steps.spans(spans.from_s, spans.to_s, spans.gpus)
    down = _Steps(np.empty(0), np.empty(0)) if pool in records.leases else _Steps.levels(records.down, pool)
    levels = (paid, used, down, queued)
    times = np.concatenate([steps.time_s for steps in levels])
    order = np.argsort(times, kind="stable")
    span = np.diff(np.clip(np.append(times[order], horizon_s), 0.0, horizon_s))
    sizes = np.cumsum([len(steps.time_s) for steps in levels])[:-1]
    level = []
    for index, part in enumerate(np.split(np.arange(len(times)), sizes)):
        change = np.zeros(len(times))
        change[part] = levels[index].change
        level.append(np.cumsum(change[order]))
    free = (level[0] - level[1] - level[2]) * span / HOUR
    waits = level[3] > 0.5
    return {
        "broken": float((level[2] * span).sum()) / HOUR,
        "fragmentation": float(free[waits].sum()),
        "idle": float(free[~waits].sum()),
    }
