"""Alibaba's ``openb`` pods (cluster-trace-gpu-v2023): GPU pods with the times they were created, scheduled and deleted.

The logged wait is scheduled − created. A pod that asks for a share of a GPU (``gpu_milli`` under 1000) counts as one whole GPU here,
because sharing is not simulated: simulated waits are then no shorter than with sharing.
"""

from pathlib import Path

import numpy as np

from sim.demand.traces.recorded import RecordedJobs
from sim.demand.traces.table_file import numbers, read_rows, renamed, require

NEEDED = ("num_gpu", "gpu_milli", "qos", "creation_time", "scheduled_time", "deletion_time")


def read_openb(path: Path, columns: dict[str, str], where: dict[str, str]) -> RecordedJobs:
    """Jobs of a pod list, gzip too."""
    rows = renamed(read_rows(path, where), columns, NEEDED, path)
    require(rows, NEEDED, path)
    created, scheduled, deleted = (numbers(rows[name]) for name in ("creation_time", "scheduled_time", "deletion_time"))
    gpus, milli = numbers(rows["num_gpu"]), numbers(rows["gpu_milli"])
    shared = int(((gpus == 1) & (milli < 1000) & np.isfinite(scheduled)).sum())
    return RecordedJobs.of(
        path,
        created,
        gpus,
        deleted - scheduled,
        refused=[("never scheduled", ~np.isfinite(scheduled))],
        tenant=np.asarray(rows["qos"], object),
        logged_wait_s=scheduled - created,
        notes=(f"{shared} pods ask for a share of a GPU and count as one whole GPU",) if shared else (),
    )
