"""Every second of every wait has one reason, and the reasons are the true ones where the truth is known."""

from collections.abc import Callable

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
from sim.results.blocked import REASONS, blocked_figures, blocked_seconds
from tests.engine.test_transfers import between
from tests.engine.test_volatile_pool import DOWN, ROW, failing, table

MakePool = Callable[..., PoolPlan]


def reasons(jobs: JobTable, records: Records, job: int) -> dict[str, float]:
    """The job's seconds by reason, those of none left out."""
    return {name: pytest.approx(seconds) for name, seconds in zip(REASONS, blocked_seconds(jobs, records)[job], strict=True) if seconds}


def test_running_jobs_hold_the_gpus(pool: MakePool) -> None:
    jobs = table([(0.0, 8, 50.0), (10.0, 4, 5.0)])
    assert reasons(jobs, simulate(jobs, [pool(1, 8)]), 1) == {"queue": 40.0}


def test_a_large_gang_ahead_holds_up_a_small_one(pool: MakePool) -> None:
    """Four GPUs are free from 0 s on; the gang of eight waits for all of them until 50 s, and the one behind it with it."""
    jobs = table([(0.0, 4, 50.0), (1.0, 8, 5.0), (2.0, 2, 1.0)])
    records = simulate(jobs, [pool(1, 8)])
    assert reasons(jobs, records, 1) == {"queue": 49.0}
    assert reasons(jobs, records, 2) == {"head_of_line": 48.0, "queue": 5.0}


def test_free_gpus_on_several_nodes_are_no_node(pool: MakePool) -> None:
    """Five of eight are taken on each of two nodes: six are free, and a gang of six waits for a node until 30 s."""
    jobs = table([(0.0, 5, 30.0), (0.0, 5, 40.0), (1.0, 6, 5.0)])
    assert reasons(jobs, simulate(jobs, [pool(2, 8)]), 2) == {"fragmentation": 29.0}


def test_nodes_lost_before_they_came_are_no_longer_waited_for(pool: MakePool) -> None:
    """Asked for at 0 s, an hour away, lost at 1 800 s for an hour, asked for anew: 1 800 and 3 600 s for answers, 3 600 s broken."""
    one = table([(0.0, 8, 50.0)])
    cold = pool(1, 8, keep_warm_s=0.0, draw_delay=lambda: 3600.0, mean_delay_s=3600.0, changes=(failing([(1800.0, 3600.0, {0})]),))
    records = simulate(one, [cold])
    assert records.start_s.tolist() == [9000.0]
    assert reasons(one, records, 0) == {"provisioning": 5400.0, "broken": 3600.0}


def test_nodes_to_come_broken_nodes_and_answers_are_told_apart(pool: MakePool) -> None:
    """A delivery at 20 s; a node that breaks at 5 s under a job and is mended at 15 s; an on-demand answer of 30 s."""
    one = table([(0.0, 8, 5.0)])
    late = pool(0, 8, deliveries=((20.0, 1),), promised=(20.0,))
    assert reasons(one, simulate(one, [late]), 0) == {"no_capacity": 20.0}
    broken = pool(1, 8, changes=(failing([(5.0, 10.0, {0})]),))
    longer = table([(0.0, 8, 50.0)])
    assert reasons(longer, simulate(longer, [broken]), 0) == {"broken": 10.0}
    cold = pool(1, 8, keep_warm_s=9.0, draw_delay=lambda: 30.0, mean_delay_s=30.0)
    two = table([(0.0, 8, 5.0), (1.0, 8, 5.0)])
    records = simulate(two, [cold])
    assert reasons(two, records, 0) == {"provisioning": 30.0}
    assert reasons(two, records, 1) == {"queue": 34.0}  # GPUs asked for by another are not free


def test_data_on_the_way_are_a_reason(pool: MakePool) -> None:
    """Ten seconds of data, then eight more in the queue of the pool they came to."""
    jobs = table([(0.0, 8, 100.0), (0.5, 8, 18.5), (1.0, 8, 5.0)], data_bytes=1.0)
    jobs = JobTable(**{**jobs.__dict__, "data_bytes": np.array([0.0, 0.0, 1.0])})
    records = simulate(jobs, [pool(1, 8), pool(1, 8)], links=between(2, 10.0))
    assert records.pool.tolist() == [0, 1, 1]
    assert reasons(jobs, records, 2) == {"data": 10.0, "queue": 8.0}


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=40),
    downs=st.lists(DOWN, max_size=6),
    order=st.sampled_from(["fifo", "priority"]),
    migrate=st.booleans(),
    seconds=st.sampled_from([None, 4.0]),
    expires=st.floats(1, 60),
)
def test_reasons_add_up_to_the_wait(
    pool: MakePool,
    rows: list[tuple[float, int, float]],
    downs: list[tuple[float, float, set[int]]],
    order: str,
    migrate: bool,
    seconds: float | None,
    expires: float,
) -> None:
    """Of every job, whatever befell it: pools that fail, expire, come late and answer, data that move, jobs that change queues."""
    jobs = table(rows, checkpoint_s=3.0, restart_s=1.0, data_bytes=1.0)
    held = pool(4, 8, changes=(failing(downs), lambda site, _: expiry(site, expires, 2, "interrupt")), expiring=2)
    plans = [
        held,
        pool(0, 8, deliveries=((55.0, 4),), promised=(30.0,)),
        pool(2, 8, keep_warm_s=5.0, draw_delay=lambda: 3.0, mean_delay_s=3.0),
    ]
    terms = RoutingTerms("prefer", overflow_s=5.0, migrate=migrate)
    links = None if seconds is None else between(3, seconds)
    records = simulate(jobs, plans, queue=QueueTerms(order), routing=terms, links=links)
    blocked = blocked_seconds(jobs, records)
    np.testing.assert_allclose(blocked.sum(axis=1), records.waited_s(jobs.arrival_s), atol=1e-6)
    figures = blocked_figures(jobs, records, 0.0)
    assert sum(figures[f"blocked.{reason}"] for reason in REASONS) == pytest.approx(records.waited_s(jobs.arrival_s).mean(), abs=1e-6)


def test_a_quota_that_others_use_up_is_a_reason(pool: MakePool) -> None:
    """Eight GPUs for two leased pools: a run in the first leaves none for the second until 50 s, though its node is free."""
    leased = {"keep_warm_s": 0.0, "quota": ("p.on-demand", 8)}
    jobs = table([(0.0, 8, 50.0), (10.0, 8, 5.0)])
    terms = RoutingTerms("round-robin")
    records = simulate(jobs, [pool(1, 8, **leased), pool(1, 8, **leased)], routing=terms)
    assert records.pool.tolist() == [0, 1]
    assert reasons(jobs, records, 1) == {"quota": 40.0}
