"""The Standard Workload Format of the Parallel Workloads Archive (Feitelson): 18 numbers a line, −1 where unknown, ``;`` before comments.

A processor counts as a GPU. Fields used: 2 submit, 3 wait, 4 run time, 5 processors allocated, 8 requested, 9 requested time, 12 user.
"""

from pathlib import Path

import numpy as np

from sim.demand.traces.recorded import RecordedJobs
from sim.demand.traces.table_file import read_text
from sim.scenario.errors import InputError

FIELDS = 18
NAMES = {"user": 11, "group": 12, "application": 13, "queue": 14, "partition": 15, "status": 10}


def read_swf(path: Path, columns: dict[str, str], where: dict[str, str]) -> RecordedJobs:
    """Jobs of an SWF file, gzip too; `where` filters on user, group, application, queue, partition or status by number."""
    if columns:
        raise InputError.of("an SWF file has fixed fields; remove 'columns'", key="columns")
    table = _numbers(path, read_text(path))
    for name, value in where.items():
        if name not in NAMES:
            raise InputError.of(f"found {name!r}; an SWF file is filtered by one of {', '.join(NAMES)}", key=f"where.{name}")
        table = table[table[:, NAMES[name]].astype(int).astype(str) == value]
        if not len(table):
            raise InputError.of(f"found {value!r}, which no row has", key=f"where.{name}")
    submit, wait, run, allocated, requested, estimate, user = (table[:, field] for field in (1, 2, 3, 4, 7, 8, 11))
    return RecordedJobs.of(
        path,
        submit,
        np.where(requested > 0, requested, allocated),
        run,
        refused=[("submitted before time 0", submit < 0)],
        tenant=np.array([f"user-{int(number)}" if number >= 0 else "unknown" for number in user], object) if (user >= 0).any() else None,
        estimate_s=estimate,
        logged_wait_s=np.where(wait >= 0, wait, np.nan),
    )


def _numbers(path: Path, text: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith(";"):
            continue
        try:
            fields = [float(part) for part in line.split()]
        except ValueError:
            fields = []
        if len(fields) != FIELDS:
            raise InputError.of(f"is not a line of {FIELDS} numbers, as the Standard Workload Format has them", where=f"{path}:{number}")
        rows.append(fields)
    if not rows:
        raise InputError.of("has no job in it", where=str(path))
    return np.array(rows)
