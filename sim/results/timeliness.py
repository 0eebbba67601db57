"""Work done in time, and what waiting was worth."""

from collections.abc import Sequence

import numpy as np

from sim.demand.table import JobTable
from sim.engine.records import Records
from sim.scenario.units import HOUR


def timeliness_figures(jobs: JobTable, records: Records, delay_usd_per_gpu_hour: Sequence[float], warmup_s: float) -> dict[str, float]:
    """``deadlines.met``, a share of the jobs that have one (the rejected among them missed it), and ``delay.usd``: what waits cost.

    Of all, and by workload; only where there are deadlines or delay has a price. Nobody is billed for delay: it is in no cost.
    """
    measured, timed = jobs.arrival_s >= warmup_s, np.isfinite(jobs.deadline_s)
    groups = {"": measured} | {f"workload.{name}.": measured & (jobs.workload == index) for index, name in enumerate(jobs.workloads)}
    figures: dict[str, float] = {}
    if timed.any():
        met = records.end_s <= jobs.deadline_s
        figures |= {f"{prefix}deadlines.met": float(met[rows & timed].mean()) for prefix, rows in groups.items() if (rows & timed).any()}
    if any(delay_usd_per_gpu_hour):
        waited = np.nan_to_num(records.waited_s(jobs.arrival_s)) * jobs.gpus / HOUR
        usd = waited * np.array(delay_usd_per_gpu_hour)[jobs.workload]
        figures |= {f"{prefix}delay.usd": float(usd[rows].sum()) for prefix, rows in groups.items()}
    return figures
