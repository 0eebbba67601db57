"""Plain CSV: one job a row, under our column names or mapped to them.

``job_id`` (optional), ``submit_s`` (seconds, or absolute timestamps), ``gpus``, ``duration_s``, and optionally ``estimate_s``, ``tenant``,
``priority`` and ``wait_s`` (the wait that was logged).
"""

from pathlib import Path

import numpy as np

from sim.demand.traces.recorded import RecordedJobs
from sim.demand.traces.table_file import numbers, read_rows, renamed, require, seconds

COLUMNS = ("job_id", "submit_s", "gpus", "duration_s", "estimate_s", "tenant", "priority", "wait_s")


def read_csv(path: Path, columns: dict[str, str], where: dict[str, str]) -> RecordedJobs:
    """Jobs of a CSV file, gzip too."""
    rows = renamed(read_rows(path, where), columns, COLUMNS, path)
    require(rows, ("submit_s", "gpus", "duration_s"), path)
    submit = seconds(rows["submit_s"])
    return RecordedJobs.of(
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
