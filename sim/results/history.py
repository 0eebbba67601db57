"""What happened in a run, as tables of its folder and back: enough to work out why any job waited.

``attempts``: runs that were cut short. ``supply``: GPUs that each pool held, those broken and those closed by a quota, whenever they
change. ``moves``: data that moved, jobs that changed queues, nodes asked for.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.demand.table import JobTable
from sim.engine.records import Attempt, Migrated, Provisioned, Records, Transfer
from sim.results.run_folder import read_table

HELD, BROKEN, CLOSED = "held", "broken", "closed"
DATA, QUEUE, NODES = "data", "queue", "nodes"


def history_tables(records: Records, pools: list[str]) -> dict[str, pd.DataFrame]:
    """The three tables; pools by name."""
    attempts = pd.DataFrame(records.attempts, columns=list(Attempt._fields))
    steps = [(pool, time, HELD, gpus) for pool, time, gpus in records.capacity]
    steps += [(pool, time, BROKEN, gpus) for pool, time, gpus in records.down]
    steps += [(pool, time, CLOSED, gpus) for pool, time, gpus in records.closed]
    supply = pd.DataFrame(steps, columns=["pool", "time_s", "what", "gpus"])
    rows = [(DATA, one.job, one.source, one.target, one.start_s, one.end_s, one.size_bytes, 0) for one in records.transfers]
    rows += [(QUEUE, move.job, move.source, move.target, move.time_s, move.time_s, 0.0, 0) for move in records.migrations]
    rows += [(NODES, one.job, one.pool, one.pool, one.asked_s, one.ready_s, 0.0, one.gpus) for one in records.provisioned]
    moves = pd.DataFrame(rows, columns=["what", "job", "source", "target", "start_s", "end_s", "size_bytes", "gpus"])
    moves = moves.astype({"start_s": float, "end_s": float, "size_bytes": float, "gpus": int})
    for table, columns in ((attempts, ("pool",)), (supply, ("pool",)), (moves, ("source", "target"))):
        for column in columns:
            table[column] = pd.Categorical.from_codes(table[column].to_numpy(np.int64), pd.Index(pools))
    return {"attempts": attempts, "supply": supply, "moves": moves}


@dataclass(frozen=True)
class History:
    """A run's first replication, read back: jobs (whose durations are not kept), records, and the names of the pools."""

    jobs: JobTable
    records: Records
    pools: tuple[str, ...]


def read_history(folder: Path) -> History:
    """The history of a run folder; InputError where it holds none."""
    table, attempts, supply, moves = (read_table(folder, name) for name in ("jobs", "attempts", "supply", "moves"))
    pools = tuple(str(name) for name in table["pool"].cat.categories)
    built = JobTable.build(table["arrival_s"].to_numpy(), table["gpus"].to_numpy(), np.zeros(len(table)))
    jobs = replace(
        built,
        priority=table["priority"].to_numpy(np.int32),
        workload=_codes(table["workload"]).astype(np.int32),
        workloads=tuple(str(name) for name in table["workload"].cat.categories),
        tenant=_codes(table["tenant"]).astype(np.int32),
        tenants=tuple(str(name) for name in table["tenant"].cat.categories),
    )
    for one, columns in ((attempts, ("pool",)), (supply, ("pool",)), (moves, ("source", "target"))):
        for column in columns:
            one[column] = _codes(one[column])
    steps = supply[["what", "pool", "time_s", "gpus"]].itertuples(index=False, name=None)
    levels: dict[str, list[tuple[int, float, int]]] = {HELD: [], BROKEN: [], CLOSED: []}
    for what, pool, time, gpus in steps:
        levels[what].append((int(pool), float(time), int(gpus)))
    records = Records(
        start_s=table["start_s"].to_numpy(),
        end_s=table["end_s"].to_numpy(),
        pool=_codes(table["pool"]).astype(np.int16),
        gpus=table["gpus_at_end"].to_numpy(np.int32),
        attempts=[Attempt(*row) for row in attempts.itertuples(index=False, name=None)],
        capacity=levels[HELD],
        down=levels[BROKEN],
        closed=levels[CLOSED],
        promised_s=table["promised_s"].to_numpy(),
    )
    row: Any
    for row in moves.itertuples(index=False):
        if row.what == DATA:
            records.transfers.append(Transfer(row.job, row.source, row.target, row.start_s, row.end_s, row.size_bytes))
        elif row.what == QUEUE:
            records.migrations.append(Migrated(row.job, row.source, row.target, row.start_s))
        else:
            records.provisioned.append(Provisioned(row.job, row.source, row.start_s, row.end_s, row.gpus))
    return History(jobs, records, pools)


def _codes(column: "pd.Series[Any]") -> NDArray[np.int64]:
    """A column of names as indices into them."""
    return np.asarray(column.cat.codes, np.int64)
