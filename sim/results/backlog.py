"""What waits when the horizon is over: jobs that are in no run then, and the work that they have left."""

import numpy as np

from sim.demand.table import JobTable
from sim.engine.records import Records
from sim.results.usage import queued_from_s, runs
from sim.scenario.units import HOUR


def backlog_figures(jobs: JobTable, records: Records, horizon_s: float) -> dict[str, float]:
    """``backlog.end_jobs``, and ``backlog.end_gpu_hours`` of work that they have left, restarts and what is done twice aside.

    A job that runs at the horizon waits no more, though it may be interrupted, and start again, after it.
    """
    run = runs(jobs, records)
    waits = np.zeros(len(jobs), bool)
    waits[run.job[(queued_from_s(jobs, records) < horizon_s) & (run.start_s > horizon_s)]] = True
    ahead = waits[run.job] & (run.start_s > horizon_s)
    left = (run.end_s - run.start_s - run.restart_s - run.lost_s)[ahead] * run.gpus[ahead]
    return {"backlog.end_gpu_hours": float(left.sum()) / HOUR, "backlog.end_jobs": float(waits.sum())}
