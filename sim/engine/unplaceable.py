"""Jobs that no pool could ever run, refused before anything runs, with what would do."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.scenario.errors import InputError


def refuse_unplaceable(jobs: JobTable, plans: Sequence[PoolPlan]) -> None:
    """InputError for jobs that no pool could ever run, with the largest of them as the example."""
    placeable = np.zeros(len(jobs), bool)
    for plan in plans:
        placeable |= (jobs.gpus <= plan.lasting_gpus) & np.isfinite(jobs.duration_s[plan.node_type])
    if placeable.all():
        return
    stuck = np.flatnonzero(~placeable)
    worst = stuck[np.argmax(jobs.gpus[stuck])]
    able = [plan for plan in plans if np.isfinite(jobs.duration_s[plan.node_type][worst])]
    asked, name = int(jobs.gpus[worst]), jobs.workloads[jobs.workload[worst]]
    raise InputError.of(
        f"{len(stuck)} of {len(jobs)} jobs fit no pool that stays: the largest asks for {asked} GPUs, and "
        f"{_why_none(asked, able or plans)}",
        key=f"workloads.{name}",
    )


def _why_none(asked: int, plans: Sequence[PoolPlan]) -> str:
    """What keeps a gang of so many GPUs from the pool that comes nearest to running it, and what would do."""
    for plan in plans:
        if plan.most_gpus >= asked:
            return _leaving(plan, asked)
    for plan in plans:
        if _nodes_gpus(plan) >= asked:
            return f"{_held(plan)}; raise the quota or make the jobs smaller"
    largest = max(plans, key=lambda plan: plan.lasting_gpus)
    if _nodes_gpus(largest) > largest.lasting_gpus:
        return f"{_held(largest)}; raise the quota and add nodes, or make the jobs smaller"
    return f"the largest pool ({largest.full_name}) has no more than {largest.lasting_gpus} that stay; add nodes or make the jobs smaller"


def _leaving(plan: PoolPlan, asked: int) -> str:
    """Of a pool whose nodes go for good: only a run tells whether jobs are done in time, and those that were not would wait for ever."""
    kept = f"no more than {plan.lasting_gpus}" if plan.lasting_gpus else "none"
    until = "its windows end" if plan.promised else "nodes expire"
    return (
        f"pool {plan.full_name}, which has {plan.most_gpus}, keeps {kept} when {until}: what is not done by then would never be; "
        f"add a pool whose nodes stay, on demand say, with {asked} GPUs or more"
    )


def _held(plan: PoolPlan) -> str:
    return f"pool {plan.full_name} may have no more than {plan.lasting_gpus} at once under its provider's quota"


def _nodes_gpus(plan: PoolPlan) -> int:
    """GPUs that stay, were there no quota."""
    return replace(plan, quota=None).lasting_gpus
