"""How long jobs waited, took, and were slowed down."""

import numpy as np

from sim.demand.table import Floats, JobTable
from sim.engine.records import Records
from sim.results.statistics import describe

SLOWDOWN_FLOOR_S = 10.0
"""Bounded slowdown (Feitelson) counts a run of less than this as this, so that trivial jobs do not dominate."""


def bounded_slowdown(wait_s: Floats, run_s: Floats) -> Floats:
    """JCT over run time, both with the floor; at least 1."""
    return np.maximum((wait_s + run_s) / np.maximum(run_s, SLOWDOWN_FLOOR_S), 1.0)


def wait_figures(jobs: JobTable, records: Records, warmup_s: float) -> dict[str, float]:
    """Wait (all the time a job was not running), JCT and slowdown of jobs that arrive after the warm-up and are not rejected.

    ``jobs`` counts the rejected too. Of all, by workload, and by tenant where tenants are not one for each workload.
    """
    wait = records.waited_s(jobs.arrival_s)
    run = records.end_s - jobs.arrival_s - wait
    measured = jobs.arrival_s >= warmup_s
    groups = {"": measured}
    groups |= {f"workload.{name}.": measured & (jobs.workload == index) for index, name in enumerate(jobs.workloads)}
    if len(jobs.tenants) > 1 and _mixed(jobs):
        groups |= {f"tenant.{name}.": measured & (jobs.tenant == index) for index, name in enumerate(jobs.tenants)}
    figures: dict[str, float] = {}
    for prefix, rows in groups.items():
        figures[f"{prefix}jobs"] = float(rows.sum())
        rows = rows & records.accepted
        columns = {"wait": wait[rows], "jct": wait[rows] + run[rows], "slowdown": bounded_slowdown(wait[rows], run[rows])}
        logged = jobs.logged_wait_s[rows]
        if np.isfinite(logged).any():
            columns["logged_wait"] = logged[np.isfinite(logged)]
        for name, values in columns.items():
            figures |= {f"{prefix}{name}.{statistic}": value for statistic, value in describe(values).items()}
    return figures


def _mixed(jobs: JobTable) -> bool:
    """Whether a workload has jobs of several tenants, or a tenant of several workloads: else figures by tenant would say nothing new."""
    tenants, workloads = len(jobs.tenants), len(jobs.workloads)
    both = np.bincount(jobs.tenant.astype(np.int64) * workloads + jobs.workload, minlength=tenants * workloads)
    together = both.reshape(tenants, workloads) > 0
    return bool((together.sum(axis=0) > 1).any() or (together.sum(axis=1) > 1).any())
