"""The run folder's tables: jobs as they ran, the timeline, and billing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.demand.table import JobTable
from sim.engine.records import RESIZE, Records
from sim.results.ledger import Line
from sim.results.usage import Timeline


def _named(codes: NDArray[Any], names: Sequence[str]) -> "pd.Categorical[Any]":
    return pd.Categorical.from_codes(codes.astype(np.int64), pd.Index(names))


def jobs_table(jobs: JobTable, records: Records, pools: Sequence[str]) -> pd.DataFrame:
    """One row a job, in order of arrival; times in seconds from the start. A rejected job has no pool, start, end or wait.

    `gpus` are those that a job asks for, `gpus_at_end` those that its last run had.
    """
    return pd.DataFrame(
        {
            "job": np.arange(len(jobs)),
            "workload": _named(jobs.workload, jobs.workloads),
            "tenant": _named(jobs.tenant, jobs.tenants),
            "priority": jobs.priority,
            "gpus": jobs.gpus,
            "gpus_at_end": records.gpus,
            "pool": _named(records.pool, pools),
            "arrival_s": jobs.arrival_s,
            "promised_s": np.full(len(jobs), np.nan) if records.promised_s is None else records.promised_s,
            "start_s": records.start_s,
            "end_s": records.end_s,
            "wait_s": records.waited_s(jobs.arrival_s),
            "rejected": ~records.accepted,
            "interruptions": np.bincount([one.job for one in records.attempts if one.cause != RESIZE], minlength=len(jobs)),
            "logged_wait_s": jobs.logged_wait_s,
        }
    )


def timeline_table(timeline: Timeline, pools: Sequence[str], replication: int) -> pd.DataFrame:
    """One row a pool and span: GPUs used, had (as far as quotas let them be used) and waited for, on average over the span."""
    spans = len(timeline.time_s)
    return pd.DataFrame(
        {
            "replication": replication,
            "pool": pd.Categorical(np.repeat(pools, spans)),
            "time_s": np.tile(timeline.time_s, len(pools)),
            "used_gpus": timeline.used.ravel(),
            "capacity_gpus": timeline.capacity.ravel(),
            "waiting_gpus": timeline.waiting.ravel(),
            "waiting_jobs": timeline.waiting_jobs.ravel(),
            "offered_gpus": timeline.offered.ravel(),
        }
    )


def billing_table(lines: Sequence[Line], replication: int) -> pd.DataFrame:
    """One row a charge, under FOCUS column names."""
    table = pd.DataFrame([line.focus() for line in lines])
    table["x_Replication"] = replication
    return table
