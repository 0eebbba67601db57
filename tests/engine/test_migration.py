"""Waiting jobs move to capacity that appears: none is lost or run twice, the policy's aims hold, and a late delivery hurts less."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.engine.expiries import expiry
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import Records
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.engine.supply import pool_plans
from sim.scenario.distributions import lognormal
from sim.scenario.loading import open_document, validate
from sim.study.run import run_plan
from tests.engine.test_transfers import between
from tests.engine.test_volatile_pool import DOWN, ROW, assert_conserved, failing, table

MakePool = Callable[..., PoolPlan]
DAY = 86400.0


def waits(jobs: JobTable, records: Records) -> np.ndarray:
    return np.asarray(records.start_s - jobs.arrival_s)


def test_a_late_delivery_hurts_less_where_waiting_jobs_may_move(pool: MakePool) -> None:
    """The preferred nodes, promised for day 2, come on day 12: who was sent there in good faith waits ten days, or moves to idle ones."""
    rng = np.random.default_rng(1)
    arrival = np.cumsum(rng.exponential(DAY / 40, 400))
    jobs = JobTable.build(arrival, rng.choice([1, 2, 4, 8], 400).astype(np.int32), rng.exponential(DAY / 48, 400))
    plans = [pool(1, 8), pool(0, 8, deliveries=((12 * DAY, 4),), promised=(2 * DAY,))]
    terms = RoutingTerms(preferred=(1, 0), overflow_s=DAY / 2)
    stay, move = (simulate(jobs, plans, routing=replace(terms, migrate=migrate)) for migrate in (False, True))
    hours = [waits(jobs, one).mean() / 3600 for one in (stay, move)]
    print(f"mean wait {hours[0]:.2f} h staying, {hours[1]:.2f} h moving {len(move.migrations)} jobs")
    assert not stay.migrations
    assert hours[1] < 0.6 * hours[0]
    moved = [one.job for one in move.migrations]
    assert (waits(jobs, move)[moved] < waits(jobs, stay)[moved]).mean() > 0.9


def test_nobody_is_sent_to_nodes_that_may_well_be_late(pool: MakePool) -> None:
    """Jobs come minutes before the mean of a delivery's lead time, which then has weeks to go: with a lead time known to be uncertain none
    waits for it, with a date believed all do."""
    lead = lognormal(42 * DAY, 63 * DAY)
    jobs = JobTable.build(lead.mean - 300.0 + np.arange(4.0), np.ones(4, np.int32), np.full(4, 100.0))
    late = {"deliveries": ((60 * DAY, 4),)}
    terms = RoutingTerms(preferred=(1, 0), overflow_s=900.0)
    believed = simulate(jobs, [pool(1, 8), pool(0, 8, promised=(lead.mean,), **late)], routing=terms)
    doubted = simulate(jobs, [pool(1, 8), pool(0, 8, leads=(lead.remaining,), **late)], routing=terms)
    assert waits(jobs, believed).min() > 16 * DAY
    assert waits(jobs, doubted).max() == 0.0


def test_a_delivery_of_no_nodes_is_none_and_leaves_the_other_dates(small: Path) -> None:
    """What a search that may buy none is compared with: the same run, the second delivery's date included."""
    key = "providers.first.pools.a.deliveries"
    second = {"nodes": 1, "after": {"median": "3 d", "p95": "5 d"}}
    first, none = ({"nodes": nodes, "after": {"mean": "2 d"}} for nodes in (1, 0))
    document = open_document(str(small)).override("replications", 2)
    plans = [validate(document.override(key, deliveries)) for deliveries in ([first, second], [none, second])]
    both, one = (pool_plans(scenario, [0, 0], 0)[0].deliveries for scenario in plans)
    assert one == (both[1],)
    without = run_plan(document.override(key, [])).summary.figures
    assert run_plan(document.override(key, [none])).summary.figures == without


def test_idle_capacity_takes_the_first_in_line(pool: MakePool) -> None:
    """Two jobs wait for a full pool; the other pool's run ends at 10 s: it takes the first of them, and ends the second's wait at 60 s."""
    jobs = JobTable.build(np.array([0.0, 1.0, 2.0, 3.0]), np.array([8, 2, 8, 8], np.int32), np.array([100.0, 9.0, 50.0, 5.0]))
    terms = RoutingTerms(overflow_s=1e9, preferred=(0, 1), migrate=True)
    plans = [pool(1, 8), pool(1, 8)]
    first = simulate(jobs, plans, routing=terms)
    assert not first.migrations  # the policy sends all of them to the preferred pool, then as now
    records = simulate(jobs, plans, routing=RoutingTerms("earliest-start", migrate=True))
    assert records.start_s.tolist() == [0.0, 1.0, 10.0, 60.0]
    assert records.pool.tolist() == [0, 1, 1, 1]


def test_a_rented_pool_takes_no_job_that_should_wait_for_ours(pool: MakePool) -> None:
    """Within the wait that was allowed nobody moves to rented nodes, though they idle."""
    jobs = JobTable.build(np.arange(6.0), np.ones(6, np.int32), np.full(6, 100.0))
    plans = [pool(1), pool(4, keep_warm_s=0.0, usd_per_gpu_hour=3.0)]
    records = simulate(jobs, plans, routing=RoutingTerms(overflow_s=1000.0, migrate=True))
    assert records.pool.tolist() == [0] * 6


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=40),
    downs=st.lists(DOWN, max_size=6),
    order=st.sampled_from(["fifo", "priority"]),
    backfill=st.sampled_from([None, "easy", "conservative"]),
    policy=st.sampled_from(["prefer", "earliest-start", "cheapest", "data-home"]),
    seconds=st.sampled_from([None, 0.0, 4.0]),
    expires=st.floats(1, 60),
    late=st.floats(0, 100),
)
def test_migration_loses_no_job_and_runs_none_twice(
    pool: MakePool,
    rows: list[tuple[float, int, float]],
    downs: list[tuple[float, float, set[int]]],
    order: str,
    backfill: str | None,
    policy: str,
    seconds: float | None,
    expires: float,
    late: float,
) -> None:
    """Conservation over pools that fail, expire, come late and are asked for on demand, with data to move and without."""
    jobs = table(rows, checkpoint_s=3.0, restart_s=1.0, data_bytes=1.0)
    held = pool(4, 8, changes=(failing(downs), lambda site, _: expiry(site, expires, 2, "interrupt")), expiring=2)
    plans = [
        held,
        pool(0, 8, deliveries=((30.0 + late, 4),), promised=(30.0,)),
        pool(2, 8, keep_warm_s=5.0, draw_delay=lambda: 3.0, mean_delay_s=3.0),
    ]
    terms = RoutingTerms(policy, overflow_s=5.0, migrate=True)
    links = None if seconds is None else between(3, seconds)
    records = simulate(jobs, plans, queue=QueueTerms(order, backfill=backfill), routing=terms, links=links)
    assert_conserved(jobs, records, [32, 32, 16])
    for one in records.migrations:
        assert one.source != one.target
        assert jobs.arrival_s[one.job] <= one.time_s <= records.end_s[one.job]
    again = simulate(jobs, plans, queue=QueueTerms(order, backfill=backfill), routing=terms, links=links)
    assert again.start_s.tobytes() == records.start_s.tobytes()


@pytest.mark.parametrize("policy", ["prefer", "earliest-start"])
def test_in_one_pool_there_is_nowhere_to_go(pool: MakePool, policy: str) -> None:
    jobs = JobTable.build(np.arange(5.0), np.ones(5, np.int32), np.full(5, 9.0))
    assert not simulate(jobs, [pool(1)], routing=RoutingTerms(policy, migrate=True)).migrations
