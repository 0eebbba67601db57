"""The job table: all work of one replication as columns, drawn or read before the clock starts.

Whatever a job came from, the engine sees one row of plain numbers; rows are ordered by arrival.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Scaling = Mapping[int, Mapping[int, tuple[float, ...]]]
"""How a workload's elastic jobs scale: by the GPUs that a job asks for, sizes in order, and of each the run time on it over that on the
GPUs asked for, by node type; infinity where it does not fit. Rigid jobs have none."""
NONE: Scaling = {}


def cells(column: NDArray[Any]) -> "memoryview[Any]":
    """The column for reading and writing one cell at a time, as plain Python numbers: four times as fast as indexing the array."""
    return memoryview(column)  # type: ignore[arg-type]  # arrays are buffers; numpy says so in types from Python 3.12 on


@dataclass(frozen=True)
class JobTable:
    """One row a job. `duration_s` has shape (node types, jobs); infinity where a job cannot run on that type.

    `estimate_ratio` is the user's own run-time estimate over the true run time (1 where nobody estimated), `logged_wait_s` the wait a trace
    recorded (NaN where none).
    `workload` and `tenant` index the names. What an interrupted job pays: work since its last checkpoint, one every `checkpoint_s` of
    progress (infinity where it saves nothing), and `restart_s` before it goes on; `save_s` is what writing a checkpoint takes.
    `data_bytes` have to be where the job runs; it should be done at `deadline_s` (infinity where it has none).
    `tokens` are what it trains on or scores (0 for other work).
    `scaling` is by workload, and empty where none is elastic.
    """

    arrival_s: Floats
    gpus: Ints
    duration_s: Floats
    priority: Ints
    workload: Ints
    tenant: Ints
    estimate_ratio: Floats
    logged_wait_s: Floats
    checkpoint_s: Floats
    restart_s: Floats
    save_s: Floats
    data_bytes: Floats
    deadline_s: Floats
    tokens: Floats
    workloads: tuple[str, ...]
    tenants: tuple[str, ...]
    scaling: tuple[Scaling, ...] = ()

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def elastic(self) -> bool:
        """Whether any workload's jobs run on other numbers of GPUs than they ask for."""
        return any(self.scaling)

    @classmethod
    def build(
        cls,
        arrival_s: Floats,
        gpus: NDArray[np.integer],
        duration_s: Floats,
        *,
        priority: int | Ints = 0,
        estimate_ratio: float | Floats = 1.0,
        logged_wait_s: Floats | None = None,
        checkpoint_s: float | Floats = np.inf,
        restart_s: float | Floats = 0.0,
        save_s: float | Floats = 0.0,
        data_bytes: float | Floats = 0.0,
        deadline_s: float | Floats = np.inf,
        tokens: float | Floats = 0.0,
        workload: str = "jobs",
        tenants: tuple[str, ...] = (),
        tenant: Ints | None = None,
        scaling: Scaling | None = None,
    ) -> Self:
        """One workload's rows, sorted by arrival; a one-dimensional duration serves a single node type."""
        count = len(arrival_s)
        order = np.argsort(arrival_s, kind="stable")
        nothing = np.full(count, np.nan)
        return cls(
            arrival_s=np.asarray(arrival_s, np.float64)[order],
            gpus=np.asarray(gpus, np.int32)[order],
            duration_s=np.ascontiguousarray(np.atleast_2d(np.asarray(duration_s, np.float64))[:, order]),
            priority=np.broadcast_to(np.asarray(priority, np.int32), count)[order],
            checkpoint_s=np.broadcast_to(np.asarray(checkpoint_s, np.float64), count)[order],
            restart_s=np.broadcast_to(np.asarray(restart_s, np.float64), count)[order],
            save_s=np.broadcast_to(np.asarray(save_s, np.float64), count)[order],
            data_bytes=np.broadcast_to(np.asarray(data_bytes, np.float64), count)[order],
            deadline_s=np.broadcast_to(np.asarray(deadline_s, np.float64), count)[order],
            tokens=np.broadcast_to(np.asarray(tokens, np.float64), count)[order],
            workload=np.zeros(count, np.int32),
            tenant=(np.zeros(count, np.int32) if tenant is None else np.asarray(tenant, np.int32)[order]),
            estimate_ratio=np.broadcast_to(np.asarray(estimate_ratio, np.float64), count)[order],
            logged_wait_s=(nothing if logged_wait_s is None else np.asarray(logged_wait_s, np.float64)[order]),
            workloads=(workload,),
            tenants=tenants or (workload,),
            scaling=(scaling,) if scaling else (),
        )


def concatenate(tables: Sequence[JobTable]) -> JobTable:
    """Many workloads as one table, ordered by arrival (ties in the order of the workloads)."""
    if len(tables) == 1:
        return tables[0]
    tenants = tuple(dict.fromkeys(name for table in tables for name in table.tenants))
    order = np.argsort(np.concatenate([table.arrival_s for table in tables]), kind="stable")
    columns = {
        field.name: np.concatenate([getattr(table, field.name) for table in tables], axis=-1)[..., order]
        for field in fields(JobTable)
        if field.name not in ("workloads", "tenants", "workload", "tenant", "scaling")
    }
    place = {name: index for index, name in enumerate(tenants)}
    tenant = [np.array([place[name] for name in table.tenants], np.int32)[table.tenant] for table in tables]
    scaling = tuple(table.scaling[0] if table.scaling else NONE for table in tables)
    workload = [np.full(len(table), index, np.int32) for index, table in enumerate(tables)]
    return JobTable(
        **columns,
        workload=np.concatenate(workload)[order],
        tenant=np.concatenate(tenant)[order],
        workloads=tuple(table.workloads[0] for table in tables),
        tenants=tenants,
        scaling=scaling if any(scaling) else (),
    )
