"""From a scenario to its job table: draw or read every workload, price it on every node type, and lay the rows in one table."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from sim.cost.durations import CostTable
from sim.demand.drawn import draw_workload
from sim.demand.file_state import State, state_of
from sim.demand.sampling import draw
from sim.demand.streams import stream
from sim.demand.table import JobTable, concatenate
from sim.demand.traces import RecordedJobs, read_trace
from sim.scenario.errors import InputError
from sim.scenario.scenario import Scenario
from sim.scenario.units import format_duration
from sim.scenario.workloads import TraceFormat, TraceWorkload


@dataclass(frozen=True)
class Demand:
    """A replication's job table, the end of its horizon, and what traces could not give (workload → reason → rows)."""

    table: JobTable
    horizon_s: float
    unusable: dict[str, dict[str, int]]
    notes: tuple[str, ...]


def draw_jobs(scenario: Scenario, costs: CostTable, replication: int) -> Demand:
    """All jobs of one replication that arrive before the horizon; InputError for work that fits no node type."""
    traces = {name: open_trace(name, work) for name, work in scenario.workloads.items() if isinstance(work, TraceWorkload)}
    horizon = scenario.horizon
    if horizon is None:
        horizon = max(float(jobs.submit_s[-1]) / _trace(scenario, name).scale for name, jobs in traces.items()) + 1.0
    tables = []
    for name, work in scenario.workloads.items():
        if isinstance(work, TraceWorkload):
            table = _replayed(name, work, traces[name], horizon, len(costs.node_types))
        else:
            table = draw_workload(name, work, scenario.seed, replication, horizon, costs)
        if work.estimate is not None:
            source = stream(scenario.seed, replication, "workload", name, "estimates")
            table = replace(table, estimate_ratio=draw(work.estimate, len(table), source))
        tables.append(table)
    return Demand(
        concatenate(tables),
        horizon,
        {name: jobs.unusable for name, jobs in traces.items() if jobs.unusable},
        tuple(
            f"{name}: {note}" for name, jobs in traces.items() for note in (*jobs.notes, *_too_late(_trace(scenario, name), jobs, horizon))
        ),
    )


def _too_late(work: TraceWorkload, jobs: RecordedJobs, horizon_s: float) -> Iterator[str]:
    """That jobs come after the horizon, and how many."""
    if late := int((jobs.submit_s / work.scale >= horizon_s).sum()):
        come = "comes" if late == 1 else "come"
        yield f"{late:,} of {len(jobs):,} jobs {come} after the horizon of {format_duration(horizon_s)}"


def _trace(scenario: Scenario, name: str) -> TraceWorkload:
    work = scenario.workloads[name]
    assert isinstance(work, TraceWorkload)
    return work


def open_trace(name: str, work: TraceWorkload) -> RecordedJobs:
    """The recorded jobs of a trace workload; ``$NAME`` in its path is taken from the environment."""
    path = os.path.expandvars(work.path)
    if path.startswith("$"):
        variable = path[1:].split("/")[0]
        raise InputError.of(
            f"found {work.path!r}, and {variable} is not set in the environment; set it to the folder of your traces, "
            f"or give the file with --set workloads.{name}.path=FILE",
            key=f"workloads.{name}.path",
        )
    try:
        where = tuple(sorted((key, str(value)) for key, value in work.where.items()))
        return _read(path, state_of(Path(path)), work.format, tuple(work.columns.items()), where)
    except InputError as error:
        raise error.under(f"workloads.{name}") from None


@lru_cache(maxsize=8)
def _read(
    path: str,
    state: State,  # noqa: ARG001  of another state other jobs are kept
    form: TraceFormat,
    columns: tuple[tuple[str, str], ...],
    where: tuple[tuple[str, str], ...],
) -> RecordedJobs:
    """Read once however many replications and plans replay it."""
    return read_trace(Path(path), form, dict(columns), dict(where))


def _replayed(name: str, work: TraceWorkload, jobs: RecordedJobs, horizon: float, node_types: int) -> JobTable:
    """A trace as it was, `scale` times as fast; durations are as recorded, whatever the node type."""
    arrival = jobs.submit_s / work.scale
    keep = arrival < horizon
    if not keep.any():
        raise InputError.of("no usable row arrives before the horizon", key=f"workloads.{name}")
    if work.tenant is not None and jobs.tenants:
        found = f"found {work.tenant!r} beside a trace whose rows name their tenants, {jobs.tenants[0]!r} first; leave it out"
        raise InputError.of(found, key=f"workloads.{name}.tenant")
    return JobTable.build(
        arrival[keep],
        jobs.gpus[keep],
        np.tile(jobs.duration_s[keep], (node_types, 1)),
        priority=jobs.priority[keep] + np.int32(work.priority),
        estimate_ratio=np.nan_to_num(jobs.estimate_s[keep] / jobs.duration_s[keep], nan=1.0),
        logged_wait_s=jobs.logged_wait_s[keep],
        checkpoint_s=np.inf if work.checkpoint is None else work.checkpoint,
        restart_s=work.restart,
        deadline_s=np.inf if work.deadline is None else arrival[keep] + work.deadline,
        data_bytes=work.data.size or 0.0 if work.data else 0.0,
        workload=name,
        tenants=jobs.tenants or (work.tenant or name,),
        tenant=jobs.tenant[keep],
    )
