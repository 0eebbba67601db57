"""Plain CSV: one job a row, under our column names or mapped to them.

``job_id`` (optional), ``submit_s`` (seconds, or absolute timestamps), ``gpus``, ``duration_s``, and optionally ``estimate_s``, ``tenant``,
``priority`` and ``wait_s`` (the wait that was logged).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from sim.demand.traces.recorded import RecordedJobs
from sim.demand.traces.table_file import numbers, read_rows, renamed, require, seconds
from sim.scenario.units import YEAR, format_duration

A_DATE_S = 10 * YEAR
"""Seconds from here on are a date, since 1970, and not since the file's own beginning."""
COLUMNS = ("job_id", "submit_s", "gpus", "duration_s", "estimate_s", "tenant", "priority", "wait_s")


def read_csv(path: Path, columns: dict[str, str], where: dict[str, str]) -> RecordedJobs:
    """Jobs of a CSV file, gzip too."""
    rows = renamed(read_rows(path, where), columns, COLUMNS, path)
    require(rows, ("submit_s", "gpus", "duration_s"), path)
    submit = seconds(rows["submit_s"])
    jobs = RecordedJobs.of(
        path,
        submit,
        numbers(rows["gpus"]),
        numbers(rows["duration_s"]),
        refused=[("submitted before time 0", submit < 0)],
        tenant=np.asarray(rows["tenant"], object) if "tenant" in rows else None,
        estimate_s=numbers(rows["estimate_s"]) if "estimate_s" in rows else None,
        priority=numbers(rows["priority"]) if "priority" in rows else None,
        logged_wait_s=numbers(rows["wait_s"]) if "wait_s" in rows else None,
    )
    return replace(jobs, notes=_moved(jobs.began_s))


def _moved(began_s: float) -> tuple[str, ...]:
    """That the first job comes at the start, where the file has seconds and another time for it."""
    if not 0 < began_s < A_DATE_S:
        return ()
    return (f"times count from its first job, {format_duration(began_s)} into the file, which comes at the start",)
