"""Plain CSV: one job a row, under our column names or mapped to them.

``job_id`` (optional), ``submit_s`` (seconds, or absolute timestamps), ``gpus``, ``duration_s``, and optionally ``estimate_s``, ``tenant``,
``priority`` and ``wait_s`` (the wait that was logged). An empty cell of an optional column gives nothing; a row whose ``priority`` or
``estimate_s`` is filled and cannot be read is not used, as the job it tells of would be another one without it.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.demand.traces.recorded import Bools, RecordedJobs
from sim.demand.traces.table_file import blank, numbers, read_rows, renamed, require, seconds
from sim.scenario.units import YEAR, format_duration

if TYPE_CHECKING:
    import pandas as pd

A_DATE_S = 10 * YEAR
"""Seconds from here on are a date, since 1970, and not since the file's own beginning."""
MOST_PRIORITY = 10**9
"""Either way: the workload's own priority is added, and the sum has to fit 32 bits."""
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
        refused=[("submitted before time 0", submit < 0), *_unreadable(rows)],
        tenant=np.asarray(rows["tenant"], object) if "tenant" in rows else None,
        estimate_s=numbers(rows["estimate_s"]) if "estimate_s" in rows else None,
        priority=numbers(rows["priority"]) if "priority" in rows else None,
        logged_wait_s=numbers(rows["wait_s"]) if "wait_s" in rows else None,
    )
    return replace(jobs, notes=_moved(jobs.began_s))


def _unreadable(rows: "pd.DataFrame") -> Iterator[tuple[str, Bools]]:
    """Rows whose cells of optional columns say something that cannot be taken."""
    if "priority" in rows:
        priority = numbers(rows["priority"])
        taken = (np.abs(priority) <= MOST_PRIORITY) & (priority == np.round(priority))
        yield f"priority not a whole number from −{MOST_PRIORITY:,} to {MOST_PRIORITY:,}", ~(taken | blank(rows["priority"]))
    if "estimate_s" in rows:
        yield "estimate not a number", ~(np.isfinite(numbers(rows["estimate_s"])) | blank(rows["estimate_s"]))


def _moved(began_s: float) -> tuple[str, ...]:
    """That the first job comes at the start, where the file has seconds and another time for it."""
    if not 0 < began_s < A_DATE_S:
        return ()
    return (f"times count from its first job, {format_duration(began_s)} into the file, which comes at the start",)
