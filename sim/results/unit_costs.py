"""What a job and a unit of work cost: a merged model, a billion tokens trained on or scored.

Work counts as far as it was done inside the horizon, over which costs are: a job that runs on past it counts with its share of running
time. A workload's cost is that of the capacity it used; ``cost.usd_per_job`` is everything that was paid, used or not, over all jobs.
"""

import math

import numpy as np

from sim.demand.table import JobTable
from sim.engine.records import Records
from sim.results.usage import overlap_s, runs

BILLION = 1e9


def unit_cost_figures(
    jobs: JobTable, records: Records, usd: float, usd_by_workload: dict[str, float], horizon_s: float
) -> dict[str, float]:
    """``cost.usd_per_job``, and by workload ``cost_usd_per_job`` and, where jobs have tokens, ``cost_usd_per_billion_tokens``."""
    run = runs(jobs, records)
    inside = np.bincount(run.job, overlap_s(run.start_s, run.end_s, 0.0, horizon_s), minlength=len(jobs))
    whole = np.bincount(run.job, run.end_s - run.start_s, minlength=len(jobs))
    done = np.divide(inside, whole, out=np.zeros(len(jobs)), where=whole > 0)
    figures = {"cost.usd_per_job": _per(usd, float(done.sum()))}
    for index, name in enumerate(jobs.workloads):
        rows = jobs.workload == index
        figures[f"workload.{name}.cost_usd_per_job"] = _per(usd_by_workload[name], float(done[rows].sum()))
        tokens = float((done * jobs.tokens)[rows].sum())
        if tokens > 0:
            figures[f"workload.{name}.cost_usd_per_billion_tokens"] = usd_by_workload[name] / (tokens / BILLION)
    return figures


def _per(usd: float, amount: float) -> float:
    return usd / amount if amount else math.nan
