"""The figures of one replication: a flat mapping from dotted names to numbers, the vocabulary of summaries, comparisons and sweeps.

``wait.p95`` is over all jobs; ``workload.NAME.…``, ``tenant.NAME.…``, ``provider.NAME.…`` and ``pool.PROVIDER.POOL.…`` are their parts.
Costs are effective USD over the horizon.
"""

import math
from collections.abc import Sequence

import numpy as np

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.records import Records
from sim.results.admissions import admission_figures
from sim.results.backlog import backlog_figures
from sim.results.blocked import blocked_figures
from sim.results.commitments import BEYOND, commitment_figures, committed_beyond_usd
from sim.results.egress import transfer_figures
from sim.results.ledger import UNUSED, Line
from sim.results.losses import loss_figures
from sim.results.paid import paid_spans
from sim.results.power import energy_figures
from sim.results.unit_costs import unit_cost_figures
from sim.results.usage import capacity_gpu_s, used_gpu_s
from sim.results.wait_pieces import wait_pieces
from sim.results.waits import wait_figures
from sim.scenario.providers import Pool
from sim.scenario.units import HOUR, MONTH


def replication_figures(
    jobs: JobTable,
    records: Records,
    pools: Sequence[Pool],
    plans: Sequence[PoolPlan],
    lines: Sequence[Line],
    warmup_s: float,
    horizon_s: float,
) -> dict[str, float]:
    """Every figure of one replication; NaN where there was nothing to measure."""
    figures, pieces = wait_figures(jobs, records, warmup_s), wait_pieces(jobs, records)
    figures |= blocked_figures(jobs, records, warmup_s, pieces) | admission_figures(jobs, records, warmup_s)
    figures |= transfer_figures(records, lines, horizon_s) | backlog_figures(jobs, records, horizon_s)
    used = used_gpu_s(jobs, records, 0.0, horizon_s, len(plans)) / HOUR
    paid = np.array([paid_spans(index, plan, records).integral(0.0, horizon_s) for index, plan in enumerate(plans)]) / HOUR
    had = np.array([_had(index, plan, records, paid[index], horizon_s) for index, plan in enumerate(plans)])
    cost = sum(line.effective_usd for line in lines)
    losses = loss_figures(jobs, records, plans, horizon_s, pieces)
    figures |= losses | {
        "cost.usd": cost,
        "cost.usd_per_month": cost * MONTH / horizon_s,
        "cost.billed_usd": sum(line.billed_usd for line in lines),
        BEYOND: sum(committed_beyond_usd(i, pool, records, horizon_s) for i, pool in enumerate(pools)),
        "cost.unused_usd": sum(line.effective_usd for line in lines if line.workload == UNUSED),
        "cost.usd_per_useful_gpu_hour": _ratio(cost, losses["losses.useful_gpu_hours"]),
        "gpu_hours.used": float(used.sum()),
        "gpu_hours.paid": float(paid.sum()),
        "goodput": _ratio(losses["losses.useful_gpu_hours"], float(paid.sum())),
        "utilisation": _ratio(float(used.sum()), float(had.sum())),
        "migrations": float(sum(one.time_s < horizon_s for one in records.migrations)),
        "makespan_s": float(records.end_s[records.accepted].max(initial=0.0)),
    }
    for index, name in enumerate(jobs.workloads):
        figures[f"workload.{name}.gpu_hours"] = float(used[:, index].sum())
        figures[f"workload.{name}.cost_usd"] = sum(line.effective_usd for line in lines if line.workload == name)
    figures |= unit_cost_figures(jobs, records, cost, {name: figures[f"workload.{name}.cost_usd"] for name in jobs.workloads}, horizon_s)
    for index, plan in enumerate(plans):
        prefix = f"pool.{plan.full_name}."
        figures[f"{prefix}jobs"] = float((records.pool == index).sum())
        figures[f"{prefix}gpu_hours_used"] = float(used[index].sum())
        figures[f"{prefix}gpu_hours_paid"] = float(paid[index])
        figures[f"{prefix}utilisation"] = _ratio(float(used[index].sum()), float(had[index]))
        figures[f"{prefix}cost_usd"] = sum(line.effective_usd for line in lines if (line.provider, line.pool) == (plan.provider, plan.name))
    names = [plan.full_name for plan in plans]
    capacity_usd = [
        sum(line.effective_usd for line in lines if line.unit != "GB" and f"{line.provider}.{line.pool}" == name) for name in names
    ]
    figures |= energy_figures(lines, plans, jobs.workloads) | commitment_figures(
        pools, names, used.sum(axis=1).tolist(), had.tolist(), capacity_usd, horizon_s
    )
    for provider in dict.fromkeys(plan.provider for plan in plans):
        figures[f"provider.{provider}.cost_usd"] = sum(line.effective_usd for line in lines if line.provider == provider)
    return figures


def _had(index: int, plan: PoolPlan, records: Records, paid: float, horizon_s: float) -> float:
    """GPU-hours that a pool had: of nodes on demand those that were rented, not those that could have been."""
    return paid if plan.keep_warm_s is not None else capacity_gpu_s(records, index, 0.0, horizon_s) / HOUR


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
