"""What a plan costs and how long its work waits at the very least, worked out from its demand without simulating it.

The waits are sample-path bounds, not steady-state formulas: of the very jobs that the simulation would see, whatever the policy. Take the
jobs that arrive in a span of time and may not wait longer than x. All of them have started by x after the span's end; until then the
plan's GPUs can have done no more than their number times that time, and of those then running no more is left than the longest jobs that
fit at once. So x is at least (work − span × GPUs − what may still run) / GPUs, and the largest such x over all spans bounds the wait.
In one strictly first-come, first-served pool more is known: a job starts after all before it, so each job's own wait is bounded so.
Erlang C, the usual formula, would be no bound: it is the mean of one kind of queue in steady state, while a run starts empty and ends.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor

import numpy as np
from numpy.typing import NDArray

from sim.demand.jobs import draw_jobs
from sim.demand.table import Floats, JobTable
from sim.engine.pool import PoolPlan
from sim.engine.supply import pool_plans
from sim.results.statistics import describe
from sim.scenario.admission import AdmissionPolicy
from sim.scenario.offers import OwnedOffer, ReservedOffer
from sim.scenario.policy import Policy
from sim.scenario.providers import Pool
from sim.scenario.scenario import Scenario
from sim.scenario.units import HOUR
from sim.study.preparation import Preparation

QUANTILE_OF = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
MEAN_FROM = (0.25, 0.5, 0.75)
"""A mean is at least (1 − q) times the q-quantile."""

UNINTERRUPTED = {
    "kind", "model", "arrivals", "tokens", "images", "precision", "gpus", "sequence", "tokens_per_gpu", "checkpoint", "method", "experts",
    "source", "priority", "tenant", "target", "restart", "data", "deadline", "cost_of_delay", "estimate", "format", "path", "columns",
    "where", "scale",
}  # fmt: skip
"""Words of a workload under which each job runs once, on as many GPUs as it asks for. With others no bound is known."""


@dataclass(frozen=True)
class Least:
    """A plan's cost, and the mean over replications of each target's figure, are no less than this."""

    cost_usd: float
    waits: dict[str, float]
    together: float = 0.0
    """The targets' figures (means aside) added up."""


@dataclass(frozen=True)
class _Work:
    """Jobs that may not wait: arrivals, work up to and with each one (GPU-seconds on the fastest nodes), and the most that may be late."""

    arrival_s: Floats
    until: Floats
    late: float

    def wait_s(self, gpus: int, running: float) -> float:
        """The least x for which all but the late start within x."""
        before = np.concatenate([[0.0], self.until[:-1]]) - gpus * self.arrival_s
        over = self.until - gpus * self.arrival_s - np.minimum.accumulate(before)
        return max(float(over.max(initial=0.0)) - self.late - running, 0.0) / gpus


@dataclass(frozen=True)
class _Sample:
    """One replication's demand: what each target allows, all of them together, and the longest jobs for what may run at once."""

    horizon_s: float
    targets: dict[str, dict[float, _Work]]
    together: _Work
    longest_gpus: Floats
    longest_work: Floats
    everything: _Work
    rows: dict[str, NDArray[np.bool_]]

    def fifo_wait_s(self, figure: str, gpus: int, running: float) -> float:
        """The least a figure can be where jobs start in the order in which they arrive."""
        before = np.concatenate([[0.0], self.everything.until[:-1]]) - gpus * self.everything.arrival_s
        ahead = before - np.minimum.accumulate(before)
        waits = np.maximum(ahead - running, 0.0) / gpus
        return describe(waits[self.rows[figure]])[figure.rsplit(".", 1)[1]]

    def running(self, gpus: int) -> float:
        """GPU-seconds left of whatever runs on this many GPUs, at most."""
        index = int(np.searchsorted(self.longest_gpus, gpus))
        return float(self.longest_work[min(index, len(self.longest_work) - 1)]) if len(self.longest_work) else 0.0


@dataclass
class Bounds:
    """Bounds of many plans of one scenario; demand that several plans share is drawn once."""

    _drawn: dict[str, list[_Sample]] = field(default_factory=dict)

    def of(self, preparation: Preparation) -> Least:
        """The least cost and waits of this plan over its replications; zeros where nothing is known. InputError as `draw_jobs` has it."""
        scenario = preparation.scenario
        samples = self._samples(preparation)
        horizon = samples[0].horizon_s
        plans = pool_plans(scenario, preparation.types, 0)
        cost = sum(_committed_usd(pool, plan, horizon) for pool, plan in zip(preparation.pools, plans, strict=True))
        limits = limits_of(scenario)
        if not _uninterrupted(preparation, plans):
            return Least(cost, dict.fromkeys(limits, 0.0))
        gpus = sum(pool.most_nodes * pool.gpus_per_node for pool in preparation.pools)
        running = [sample.running(gpus) for sample in samples]
        in_order = _in_order(scenario, plans)
        waits = {}
        for figure in limits:
            found = []
            for sample, left in zip(samples, running, strict=True):
                if figure in sample.targets:
                    shortest = [weight * work.wait_s(gpus, left) for weight, work in sample.targets[figure].items()]
                    found.append(max(*shortest, sample.fifo_wait_s(figure, gpus, left) if in_order else 0.0))
            waits[figure] = float(np.mean(found)) if found else 0.0
        together = float(np.mean([one.together.wait_s(gpus, left) for one, left in zip(samples, running, strict=True)]))
        return Least(cost, waits, together)

    def _samples(self, preparation: Preparation) -> list[_Sample]:
        scenario, data = preparation.scenario, preparation.document.data
        what = (data["workloads"], data.get("calibration"), data.get("horizon"), scenario.warmup, scenario.seed, scenario.replications)
        key = json.dumps([what, [repr(on) for on in preparation.node_types]], default=str)
        if key not in self._drawn:
            self._drawn[key] = [_sample(preparation, number) for number in range(scenario.replications)]
        return self._drawn[key]


def limits_of(scenario: Scenario) -> dict[str, float]:
    """Every target's figure and the longest wait it allows, in seconds."""
    return {
        f"workload.{name}.wait.{statistic}": limit
        for name, work in scenario.workloads.items()
        if work.target is not None
        for statistic, limit in work.target.wait.model_dump(exclude_none=True).items()
    }


def _sample(preparation: Preparation, number: int) -> _Sample:
    scenario = preparation.scenario
    demand = draw_jobs(scenario, preparation.costs(number), number)
    table = demand.table
    work = table.duration_s.min(axis=0) * table.gpus
    measured = table.arrival_s >= scenario.warmup
    targets: dict[str, dict[float, _Work]] = {}
    everyone, late = np.zeros(len(table), bool), 0.0
    for figure in limits_of(scenario):
        _, name, _, statistic = figure.split(".")
        rows = measured & (table.workload == table.workloads.index(name))
        if not rows.any():
            continue
        quantiles = MEAN_FROM if statistic == "mean" else (QUANTILE_OF[statistic],)
        targets[figure] = {(1 - q if statistic == "mean" else 1.0): _work(table, work, rows, _late(work[rows], q)) for q in quantiles}
        if statistic != "mean" and not (everyone & rows).any():
            everyone |= rows
            late += _late(work[rows], quantiles[0])
    shortest = table.duration_s.min(axis=0)
    order = np.argsort(-shortest, kind="stable")
    return _Sample(
        demand.horizon_s,
        targets,
        _work(table, work, everyone, late),
        np.cumsum(table.gpus[order]).astype(np.float64),
        np.cumsum(work[order]),
        _work(table, work, np.ones(len(table), bool), 0.0),
        {figure: measured & (table.workload == table.workloads.index(figure.split(".")[1])) for figure in targets},
    )


def _work(table: JobTable, work: Floats, rows: NDArray[np.bool_], late: float) -> _Work:
    return _Work(table.arrival_s[rows], np.cumsum(work[rows]), late)


def _late(work: Floats, quantile: float) -> float:
    """The most work that may wait longer than the quantile: its largest jobs. (numpy's quantile is between two ranks; the lower counts.)"""
    allowed = len(work) - 1 - floor(quantile * (len(work) - 1))
    return float(np.sort(work)[len(work) - allowed :].sum()) if allowed else 0.0


def _uninterrupted(preparation: Preparation, plans: Sequence[PoolPlan]) -> bool:
    """Whether every job runs once, whole, and none is turned away."""
    scenario = preparation.scenario
    known = {"queue", "routing", "admission"}
    other = [name for name, words in Policy.model_fields.items() if name not in known and getattr(scenario.policy, name) != words.default]
    words = [name for work in scenario.workloads.values() for name in work.model_fields_set if name not in UNINTERRUPTED]
    return not (other or words or any(plan.changes for plan in plans)) and scenario.policy.admission == AdmissionPolicy()


def starts_in_order(preparation: Preparation, plans: Sequence[PoolPlan]) -> bool:
    """Whether every job runs once, whole, and they start in the order of their arrivals."""
    return _uninterrupted(preparation, plans) and _in_order(preparation.scenario, plans)


def _in_order(scenario: Scenario, plans: Sequence[PoolPlan]) -> bool:
    """Whether jobs start in the order of their arrivals: one pool of nodes held for good, first come, first served, no data to move."""
    queue = scenario.policy.queue
    strict = queue.order == "fifo" and queue.backfill == "none" and len(plans) == 1 and plans[0].keep_warm_s is None
    return strict and not any(work.data for work in scenario.workloads.values())


def _committed_usd(pool: Pool, plan: PoolPlan, horizon_s: float) -> float:
    """What nodes cost that are there, and paid, from the first day to the last, at the lowest price of any day."""
    offer = pool.offer
    if plan.changes or not isinstance(offer, OwnedOffer | ReservedOffer):
        return 0.0
    lowest = min((level for _, level in offer.price(pool.gpus_per_node).steps), default=0.0)
    discount = offer.discount if isinstance(offer, ReservedOffer) else 0.0
    return plan.nodes * plan.gpus_per_node * lowest * (1 - discount) * horizon_s / HOUR
