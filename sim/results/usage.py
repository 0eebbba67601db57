"""GPU-seconds: had, used, and waited for, between any two times; everything here is an exact integral over the records."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from sim.demand.step_path import StepPath
from sim.demand.table import Floats, JobTable
from sim.engine.pool import PoolPlan
from sim.engine.records import Records


def overlap_s(start_s: Floats, end_s: Floats, from_s: float, to_s: float) -> Floats:
    """Seconds that each [start, end] spends inside [from, to]."""
    return np.asarray(np.clip(np.minimum(end_s, to_s) - np.maximum(start_s, from_s), 0.0, None))


@dataclass(frozen=True)
class Runs:
    """Every run of every job, those cut short included: one row each, the jobs' last runs first, in the order of the table.

    A rejected job has none. `gpus` are those that the run had, which of an elastic job need not be those it asks for. Of its seconds,
    `restart_s` went into starting again, and what was done in the last `lost_s` was not saved.
    """

    job: NDArray[np.int64]
    pool: NDArray[np.int64]
    start_s: Floats
    end_s: Floats
    gpus: NDArray[np.int32]
    restart_s: Floats
    lost_s: Floats


def runs(jobs: JobTable, records: Records) -> Runs:
    """The last runs and the attempts before them."""
    last, cut = np.arange(len(jobs))[records.accepted], records.attempts
    again = np.zeros(len(jobs), bool)
    again[[one.job for one in cut]] = True
    return Runs(
        np.concatenate([last, np.array([one.job for one in cut], np.int64)]),
        np.concatenate([records.pool[last].astype(np.int64), np.array([one.pool for one in cut], np.int64)]),
        np.concatenate([records.start_s[last], np.array([one.start_s for one in cut], np.float64)]),
        np.concatenate([records.end_s[last], np.array([one.end_s for one in cut], np.float64)]),
        np.concatenate([records.gpus[last], np.array([one.gpus for one in cut], np.int32)]),
        np.concatenate([np.where(again, jobs.restart_s, 0.0)[last], np.array([one.restart_s for one in cut], np.float64)]),
        np.concatenate([np.zeros(len(last)), np.array([one.lost_s for one in cut], np.float64)]),
    )


def used_gpu_s(jobs: JobTable, records: Records, from_s: float, to_s: float, pools: int) -> Floats:
    """GPU-seconds of running jobs by (pool, workload)."""
    run = runs(jobs, records)
    seconds = overlap_s(run.start_s, run.end_s, from_s, to_s) * run.gpus
    cell = run.pool * len(jobs.workloads) + jobs.workload[run.job]
    totals = np.bincount(cell, seconds, minlength=pools * len(jobs.workloads))
    return np.asarray(totals, np.float64).reshape(pools, len(jobs.workloads))


def capacity_path(records: Records, pool: int) -> StepPath:
    """The GPUs that a pool had, over time."""
    steps = [(time, gpus) for which, time, gpus in records.capacity if which == pool]
    return StepPath(np.array([time for time, _ in steps], np.float64), np.array([gpus for _, gpus in steps], np.float64))


def capacity_gpu_s(records: Records, pool: int, from_s: float, to_s: float) -> float:
    """GPU-seconds a pool had."""
    return float(capacity_path(records, pool).between(from_s, to_s))


def queued_from_s(jobs: JobTable, records: Records) -> Floats:
    """Since when each row of `runs` had been waiting: its job's arrival, or the end of the run before."""
    since = np.array(jobs.arrival_s)
    before = []
    for one in records.attempts:  # in order of their ends
        before.append(since[one.job])
        since[one.job] = one.end_s
    return np.concatenate([since[records.accepted], np.array(before, np.float64)])


@dataclass(frozen=True)
class Timeline:
    """Averages over equal spans of time: `time_s` (spans) is each one's middle; the rest has shape (pools, spans), in GPUs.

    `capacity` is what could be used at once: no more than the quota of pools that share one. `offered` is the running time that the jobs
    arriving in a span bring, over the span: the GPUs that they would keep busy.
    """

    time_s: Floats
    used: Floats
    capacity: Floats
    waiting: Floats
    waiting_jobs: Floats
    offered: Floats


def _mean_level(start_s: Floats, end_s: Floats, weight: Floats, edges: Floats) -> Floats:
    """Mean over each span of Σ weight of the [start, end] that cover it: differences of an exact cumulative integral."""

    def integral(points: Floats) -> Floats:
        # ∫ up to e of the number (weighted) of points before it = Σ weight·(e − point)+
        order = np.argsort(points)
        ordered = points[order]
        mass = np.concatenate([[0.0], np.cumsum(weight[order])])
        moment = np.concatenate([[0.0], np.cumsum(weight[order] * ordered)])
        before = np.searchsorted(ordered, edges)
        return np.asarray(mass[before] * edges - moment[before])

    level = np.diff(integral(start_s) - integral(end_s)) / np.diff(edges)
    return np.asarray(np.maximum(level, 0.0))  # rounding may leave −1e-12


def timeline(jobs: JobTable, records: Records, horizon_s: float, plans: Sequence[PoolPlan], spans: int = 240) -> Timeline:
    """What was used, had and waited for over [0, horizon]."""
    edges, pools = np.linspace(0.0, horizon_s, spans + 1), len(plans)
    used, waiting, waiting_jobs = np.zeros((pools, spans)), np.zeros((pools, spans)), np.zeros((pools, spans))
    capacity, offered = np.zeros((pools, spans)), np.zeros((pools, spans))
    run, before = runs(jobs, records), queued_from_s(jobs, records)
    for pool in range(pools):
        rows = run.pool == pool
        gpus, asked = run.gpus[rows].astype(np.float64), jobs.gpus[run.job[rows]].astype(np.float64)
        queued, start, end = before[rows], run.start_s[rows], run.end_s[rows]
        used[pool] = _mean_level(start, end, gpus, edges)
        waiting[pool] = _mean_level(queued, start, asked, edges)
        waiting_jobs[pool] = _mean_level(queued, start, np.ones(len(gpus)), edges)
        capacity[pool] = capacity_path(records, pool).between(edges[:-1], edges[1:]) / np.diff(edges)
        offered[pool] = np.histogram(jobs.arrival_s[run.job[rows]], edges, weights=(end - start) * gpus)[0] / np.diff(edges)
    _keep_to_quotas(capacity, used, records, plans, edges)
    return Timeline((edges[1:] + edges[:-1]) / 2, used, capacity, waiting, waiting_jobs, offered)


def _keep_to_quotas(capacity: Floats, used: Floats, records: Records, plans: Sequence[PoolPlan], edges: Floats) -> None:
    """Cut the capacity (pools, spans) of pools under a quota to what it lets be used: where each has GPUs idle, in proportion to them."""
    for quota in {plan.quota for plan in plans if plan.quota is not None}:
        rows = [index for index, plan in enumerate(plans) if plan.quota == quota]
        whole = gcd(*(plans[row].gpus_per_node for row in rows))  # of a remainder smaller than any node nothing is leased
        allowed = _together(records, rows, quota[1] // whole * whole).between(edges[:-1], edges[1:]) / np.diff(edges)
        idle, over = np.maximum(capacity[rows] - used[rows], 0.0), capacity[rows].sum(axis=0) - allowed
        capacity[rows] -= over * idle / np.maximum(idle.sum(axis=0), 1e-9)


def _together(records: Records, pools: Sequence[int], most: int) -> StepPath:
    """The GPUs that these pools had together, over time, as far as they may have so many at once."""
    held, time_s, level = dict.fromkeys(pools, 0), list[float](), list[float]()
    for pool, time, gpus in records.capacity:
        if pool in held:
            held[pool] = gpus
            time_s.append(time)
            level.append(min(sum(held.values()), most))
    return StepPath(np.array(time_s), np.array(level, np.float64))
