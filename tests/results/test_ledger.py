"""Money: every GPU-hour paid is on one line, used or not, and the lines add up to what the contracts say."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.simulation import simulate
from sim.results.ledger import UNUSED, ledger
from sim.results.usage import timeline
from sim.scenario.loading import open_document
from sim.scenario.providers import Pool
from sim.study.preparation import prepare
from sim.study.replication import replicate

DAY = 86400.0


def test_reserved_is_paid_used_or_not(pool: Callable[..., PoolPlan]) -> None:
    """10 nodes × 8 GPUs × 40 days at 2 USD, split into used and unused; upfront billed on its day."""
    offer = {"reserved": "2 USD/GPU/h", "term": "1 y", "upfront": "25%"}
    terms = Pool.model_validate({"gpu": "x", "nodes": 10, "offer": offer})
    jobs = JobTable.build(np.array([0.0, 35 * DAY]), np.array([8, 4], np.int32), np.array([10 * DAY, 10 * DAY]))
    plan = pool(10, 8)
    lines = ledger(jobs, simulate(jobs, [plan]), [terms], [plan], 40 * DAY)
    hours = 10 * 8 * 40 * 24
    used = 8 * 10 * 24 + 4 * 5 * 24
    assert sum(line.gpu_hours for line in lines) == pytest.approx(hours)
    assert sum(line.gpu_hours for line in lines if line.workload != UNUSED) == pytest.approx(used)
    assert sum(line.effective_usd for line in lines) == pytest.approx(2 * hours)
    upfront = 0.25 * 2 * 80 * 365 * 24
    assert sum(line.billed_usd for line in lines) == pytest.approx(upfront + 0.75 * 2 * hours)
    focus = [line.focus() for line in lines]
    assert {row["CommitmentDiscountStatus"] for row in focus if row["ChargeCategory"] == "Usage"} == {"Used", "Unused"}
    assert all(row["ChargePeriodEnd"] >= row["ChargePeriodStart"] for row in focus)


def test_figures_of_a_replication_add_up(small: Path) -> None:
    """Parts sum to the whole: providers, pools, workloads and unused are the same money; used never exceeds paid."""
    figures = replicate(prepare(open_document(str(small))), 0).figures
    total = figures["cost.usd"]
    assert figures["cost.usd_per_month"] == pytest.approx(total * 3)  # of 10 d
    assert total > 0
    for prefix in ("provider.", "pool."):
        assert sum(v for k, v in figures.items() if k.startswith(prefix) and k.endswith("cost_usd")) == pytest.approx(total)
    by_use = sum(v for k, v in figures.items() if k.startswith("workload.") and k.endswith("cost_usd"))
    assert by_use + figures["cost.unused_usd"] == pytest.approx(total)
    assert figures["gpu_hours.used"] <= figures["gpu_hours.paid"] + 1e-6
    assert figures["workload.merges.jobs"] + figures["workload.tunes.jobs"] == figures["jobs"]


def test_the_timeline_integrates_to_the_records(pool: Callable[..., PoolPlan]) -> None:
    """Σ level × span = GPU-seconds used and waited for."""
    rng = np.random.default_rng(0)
    jobs = JobTable.build(np.sort(rng.uniform(0, 800, 300)), rng.choice([1, 2, 8], 300).astype(np.int32), rng.exponential(20, 300))
    plans = [pool(2, 8)]
    records = simulate(jobs, plans)
    end = float(records.end_s.max())
    line = timeline(jobs, records, end, plans, spans=37)
    span = end / 37
    assert line.used.sum() * span == pytest.approx(((records.end_s - records.start_s) * jobs.gpus).sum())
    assert line.waiting.sum() * span == pytest.approx(((records.start_s - jobs.arrival_s) * jobs.gpus).sum())
    assert (line.used <= line.capacity + 1e-9).all()
