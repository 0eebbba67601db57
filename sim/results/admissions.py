"""Jobs turned away, and promises kept: a promise is kept where the job first runs no later than it was told."""

import numpy as np

from sim.demand.table import JobTable
from sim.engine.records import Records


def admission_figures(jobs: JobTable, records: Records, warmup_s: float) -> dict[str, float]:
    """``admission.rejected`` (jobs) and, where starts were promised, ``promises.kept`` (a share), of all and by workload."""
    measured = jobs.arrival_s >= warmup_s
    accepted = records.accepted
    groups = {"": measured} | {f"workload.{name}.": measured & (jobs.workload == index) for index, name in enumerate(jobs.workloads)}
    figures = {f"{prefix}admission.rejected": float((rows & ~accepted).sum()) for prefix, rows in groups.items()}
    if records.promised_s is None:
        return figures
    kept = records.first_start_s() <= records.promised_s
    for prefix, rows in groups.items():
        taken = rows & accepted
        figures[f"{prefix}promises.kept"] = float(kept[taken].mean()) if taken.any() else np.nan
    return figures
