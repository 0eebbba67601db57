"""Data have a home: a job away from it waits until they are there, keeps its place in line, and no GPU waits with it."""

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.engine.expiries import expiry
from sim.engine.links import Links
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from tests.engine.test_conservation import most_used
from tests.engine.test_volatile_pool import DOWN, ROW, assert_conserved, failing, table

MakePool = Callable[..., PoolPlan]


def between(pools: int, seconds: float, usd: float = 0.0, home: tuple[int, ...] = (0,)) -> Links:
    """All pools as far from each other."""
    away = 1 - np.eye(pools)
    return Links((home,), seconds * away, usd * away)


def test_a_job_away_from_its_data_starts_when_they_have_come(pool: MakePool) -> None:
    """Home is busy for 100 s and the data take 5 s to an idle pool: the second job runs there from 6 s on, the first at home at once."""
    jobs = JobTable.build(np.array([0.0, 1.0]), np.ones(2, np.int32), np.full(2, 100.0), data_bytes=10.0)
    records = simulate(jobs, [pool(1), pool(1)], routing=RoutingTerms(overflow_s=20.0), links=between(2, 0.5))
    assert records.pool.tolist() == [0, 1]
    assert records.start_s.tolist() == [0.0, 6.0]
    assert [(one.job, one.source, one.target, one.start_s, one.end_s) for one in records.transfers] == [(1, 0, 1, 1.0, 6.0)]


def test_a_broker_counts_the_time_that_data_take(pool: MakePool) -> None:
    """With 200 s on the way, waiting 99 s at home is better than moving; with 1 s it is not."""
    jobs = JobTable.build(np.array([0.0, 1.0]), np.ones(2, np.int32), np.full(2, 100.0), data_bytes=1.0)
    far, near = (simulate(jobs, [pool(1), pool(1)], links=between(2, seconds)) for seconds in (200.0, 1.0))
    assert far.pool.tolist() == [0, 0]
    assert near.pool.tolist() == [0, 1]


def test_data_on_the_way_are_work_that_a_broker_sees(pool: MakePool) -> None:
    """Three jobs at once, home full: the second is on its way to the remote GPU, so the third waits at home, where it is sooner."""
    jobs = JobTable.build(np.zeros(3), np.ones(3, np.int32), np.array([50.0, 100.0, 10.0]), data_bytes=1.0)
    records = simulate(jobs, [pool(1), pool(1)], routing=RoutingTerms(overflow_s=10.0), links=between(2, 10.0))
    assert records.pool.tolist() == [0, 1, 0]


def test_a_job_whose_data_came_keeps_its_place_by_arrival(pool: MakePool) -> None:
    """Sent at 1 s with 8 s of data, it goes before one that came at 5 s and has its data here."""
    work = np.array([0, 0, 1], np.int32)
    jobs = JobTable.build(np.array([0.0, 1.0, 5.0]), np.ones(3, np.int32), np.full(3, 20.0), data_bytes=np.array([0.0, 8.0, 0.0]))
    jobs = JobTable(**{**jobs.__dict__, "workload": work, "workloads": ("away", "here")})
    ways = Links(((1,), (0,)), 1 - np.eye(2), np.zeros((2, 2)))
    records = simulate(jobs, [pool(1), pool(0, 1, deliveries=((1e6, 1),))], routing=RoutingTerms(overflow_s=1e9), links=ways)
    assert records.start_s.tolist() == [0.0, 20.0, 40.0]


def test_gpus_are_paid_only_while_the_job_runs(pool: MakePool) -> None:
    """On demand, the lease begins when the data have come, not when the job was sent."""
    jobs = JobTable.build(np.array([0.0, 1.0]), np.ones(2, np.int32), np.full(2, 100.0), data_bytes=10.0)
    cold = pool(1, keep_warm_s=0.0, draw_delay=lambda: 0.0, mean_delay_s=0.0)
    records = simulate(jobs, [pool(1), cold], routing=RoutingTerms(overflow_s=50.0), links=between(2, 3.0))
    assert [span.tolist() for span in records.leases[1]] == [[31.0], [131.0]]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=40),
    downs=st.lists(DOWN, max_size=6),
    order=st.sampled_from(["fifo", "priority"]),
    seconds=st.floats(0, 30),
    home=st.sampled_from([(0,), (1,), (0, 1)]),
    expires=st.floats(1, 60),
)
def test_moves_lose_no_job_and_no_job_starts_before_its_data(
    pool: MakePool,
    rows: list[tuple[float, int, float]],
    downs: list[tuple[float, float, set[int]]],
    order: str,
    seconds: float,
    home: tuple[int, ...],
    expires: float,
) -> None:
    """Conservation with failures, and nodes lost for good while data are under way; each move joins on to the one before."""
    jobs = table(rows, checkpoint_s=3.0, restart_s=1.0, data_bytes=1.0)
    held = pool(4, 8, changes=(failing(downs), lambda site, _: expiry(site, expires, 2, "interrupt")), expiring=2)
    other = pool(4, 8)
    records = simulate(
        jobs, [held, other], queue=QueueTerms(order), routing=RoutingTerms(overflow_s=5.0), links=between(2, seconds, home=home)
    )
    assert_conserved(jobs, records, [32, 32])
    at = dict.fromkeys(range(len(jobs)), -1)
    for one in records.transfers:
        assert one.source == at[one.job] or (at[one.job] == -1 and one.source in home)
        at[one.job] = one.target
    last = {one.job: one for one in records.transfers}
    for job, pool_index in enumerate(records.pool.tolist()):
        assert pool_index == at[job] or (at[job] == -1 and pool_index in home)
        if job in last:
            assert records.start_s[job] >= last[job].end_s
    assert most_used(jobs, records, 1) <= 32
