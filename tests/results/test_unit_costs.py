"""Cost of a job and of a billion tokens, and headroom: exact on records that can be reckoned by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.report.page import summary_page
from sim.results.headroom import headroom_figures
from sim.results.unit_costs import unit_cost_figures
from sim.results.usage import timeline
from sim.scenario.loading import open_document
from sim.study.preparation import prepare
from sim.study.replication import replicate
from sim.study.run import run_plan
from sim.study.runner import Runner

DAY = 86400.0


def test_work_counts_as_far_as_it_was_done(pool: Callable[..., PoolPlan]) -> None:
    """Two jobs of 10 s and half of a third inside 15 s on two servers: $5 for 2.5 jobs, $1 of use for the tokens done."""
    jobs = JobTable.build(np.array([0.0, 0.0, 10.0]), np.ones(3, np.int32), np.full(3, 10.0), tokens=np.array([1e9, 1e9, 2e9]))
    figures = unit_cost_figures(jobs, simulate(jobs, [pool(2)]), 5.0, {"jobs": 1.0}, 15.0)
    assert figures["cost.usd_per_job"] == pytest.approx(2.0)
    assert figures["workload.jobs.cost_usd_per_job"] == pytest.approx(0.4)
    assert figures["workload.jobs.cost_usd_per_billion_tokens"] == pytest.approx(1 / 3)


def test_unit_costs_of_a_scenario_add_up(small: Path) -> None:
    """Tokens are those drawn; merges have none; jobs times their cost is the cost of use."""
    figures = replicate(prepare(open_document(str(small))), 0).figures
    assert figures["workload.tunes.cost_usd_per_billion_tokens"] > 0
    assert "workload.merges.cost_usd_per_billion_tokens" not in figures
    jobs = figures["workload.tunes.cost_usd"] / figures["workload.tunes.cost_usd_per_job"]
    assert 0.9 * 20 * 10 < jobs < 1.35 * 20 * 10  # about 20 a day over ten days
    assert figures["cost.usd_per_job"] > min(figures[f"workload.{name}.cost_usd_per_job"] for name in ("merges", "tunes"))


def test_headroom_is_what_arriving_work_leaves_of_the_target_share(pool: Callable[..., PoolPlan]) -> None:
    """Ten GPUs, four busy for 28 days, then twelve asked for: 80 % leaves 4 free, then −4; unlike use, offered work knows no ceiling."""
    arrival = np.concatenate([np.repeat(np.arange(0.0, 28.0), 4), np.repeat(np.arange(28.0, 56.0), 12)]) * DAY
    jobs = JobTable.build(arrival, np.ones(len(arrival), np.int32), np.full(len(arrival), DAY))
    line = timeline(jobs, simulate(jobs, [pool(10)]), 56 * DAY, [pool(10)], spans=56)
    figures = headroom_figures(line, 0.8, 56 * DAY)
    assert figures["headroom.end_gpus"] == pytest.approx(-4)
    assert figures["headroom.least_gpus"] == pytest.approx(-4)
    assert figures["headroom.gone_s"] == pytest.approx(32 * DAY)  # the first week with a mean under zero holds four days of twelve


def test_work_of_less_than_an_hour_tells_no_headroom(tmp_path: Path) -> None:
    """A trace of one job ends a second after it: its hours of work in that second are no rate at which work arrives."""
    trace, scenario = tmp_path / "one.csv", tmp_path / "one.yaml"
    trace.write_text("submit_s,gpus,duration_s\n0,8,3600\n", encoding="utf-8")
    pool = "{gpu: h100-sxm, nodes: 1, offer: {owned: 1 USD/GPU/h}}"
    work = f"{{kind: trace, format: csv, path: {trace}}}"
    scenario.write_text(f"name: one\nworkloads: {{jobs: {work}}}\nproviders: {{p: {{pools: {{a: {pool}}}}}}}\n", encoding="utf-8")
    run = run_plan(open_document(str(scenario)), runner=Runner(1))
    assert run.summary.horizon_s == 1.0
    assert not [name for name in run.summary.figures if name.startswith("headroom.")]
    assert "Headroom at" not in summary_page(run.summary, run.tables, "")  # the chart's title


def test_a_week_is_a_week_however_long_the_spans_are(pool: Callable[..., PoolPlan]) -> None:
    """Work that comes on weekdays only leaves the same headroom over every whole week, though spans of 0.7 days do not add up to one."""
    days = np.arange(0.0, 56.0)
    arrival = np.repeat(days[days % 7 < 5], 6) * DAY + 60.0
    jobs = JobTable.build(arrival, np.ones(len(arrival), np.int32), np.full(len(arrival), DAY / 4))
    line = timeline(jobs, simulate(jobs, [pool(10)]), 56 * DAY, [pool(10)], spans=80)
    figures = headroom_figures(line, 0.8, 56 * DAY)
    mean = 8 - 6 * 5 / 4 / 7
    assert figures["headroom.end_gpus"] == pytest.approx(mean, abs=0.02)
    assert figures["headroom.least_gpus"] == pytest.approx(mean, abs=0.35)  # a day's work may be spread into the window by a part of a span


def test_headroom_is_within_a_quota(pool: Callable[..., PoolPlan]) -> None:
    """Of eight nodes a quota lets two be used: as much headroom as of two nodes; the quota's remainder is too small for a node."""
    arrival = np.arange(0.0, 56.0) * DAY
    jobs = JobTable.build(arrival, np.full(56, 8, np.int32), np.full(56, DAY / 2))
    leased = {"keep_warm_s": 600.0}
    for plan in (pool(2, 8, **leased), pool(8, 8, quota=("p on-demand", 20), **leased)):
        line = timeline(jobs, simulate(jobs, [plan]), 56 * DAY, [plan], spans=56)
        assert headroom_figures(line, 0.8, 56 * DAY)["headroom.end_gpus"] == pytest.approx(0.8 * 16 - 4)


def test_pools_that_share_a_quota_have_its_headroom_once(pool: Callable[..., PoolPlan]) -> None:
    """Two pools of two nodes under a quota of two, beside one of one node under none; none has less than it uses."""
    leased = {"keep_warm_s": 0.0, "quota": ("p spot", 16)}
    plans = [pool(2, 8, **leased), pool(2, 8, **leased), pool(1, 8)]
    jobs = JobTable.build(np.arange(0.0, 42.0) * DAY / 3, np.full(42, 8, np.int32), np.full(42, DAY / 2))
    records = simulate(jobs, plans, routing=RoutingTerms("round-robin"))
    line = timeline(jobs, records, 14 * DAY, plans, spans=28)
    assert line.capacity.sum(axis=0) == pytest.approx(np.full(28, 24.0))
    assert (line.used <= line.capacity + 1e-9).all()
    assert line.capacity[2] == pytest.approx(np.full(28, 8.0))
