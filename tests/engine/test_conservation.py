"""Whatever the jobs and pools: each job runs once and whole, and no GPU serves two at a time."""

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.engine.placement import PackedNodes, SpreadGpus
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import Records
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate

jobs_strategy = st.lists(
    st.tuples(st.floats(0, 100), st.sampled_from([1, 2, 3, 4, 6, 8, 12, 16]), st.floats(0.01, 50), st.integers(-2, 2)),
    min_size=1,
    max_size=60,
)


def table(rows: list[tuple[float, int, float, int]]) -> JobTable:
    arrival, gpus, duration, priority = (np.array(column) for column in zip(*rows, strict=True))
    return JobTable.build(arrival.astype(float), gpus.astype(np.int32), duration.astype(float), priority=priority.astype(np.int32))


def most_used(jobs: JobTable, records: Records, pool: int) -> float:
    """The most GPUs that ran at one instant; work that ends then is over."""
    rows = records.pool == pool
    times = np.concatenate([records.end_s[rows], records.start_s[rows]])
    change = np.concatenate([-jobs.gpus[rows], jobs.gpus[rows]])
    order = np.lexsort((change, times))
    return float(np.cumsum(change[order]).max(initial=0))


def plans(pool: Callable[..., PoolPlan], placement: str) -> list[PoolPlan]:
    late = pool(0, 8, placement, deliveries=((30.0, 2),), promised=(20.0,))
    cold = pool(2, 8, "pack", keep_warm_s=5.0, draw_delay=lambda: 3.0, mean_delay_s=3.0)
    return [pool(2, 8, placement), late, cold]


@settings(max_examples=150, deadline=None)
@given(
    rows=jobs_strategy,
    placement=st.sampled_from(["pack", "spread"]),
    order=st.sampled_from(["fifo", "priority"]),
    overflow=st.floats(0, 20),
)
def test_every_job_runs_once_and_gpus_are_never_double_booked(
    pool: Callable[..., PoolPlan], rows: list[tuple[float, int, float, int]], placement: str, order: str, overflow: float
) -> None:
    """Conservation over pools that are held, delivered late, and asked for on demand."""
    jobs, supply = table(rows), plans(pool, placement)
    records = simulate(jobs, supply, queue=QueueTerms(order), routing=RoutingTerms(overflow_s=overflow))
    assert (records.start_s >= jobs.arrival_s).all()
    np.testing.assert_allclose(records.end_s - records.start_s, jobs.duration_s[0], rtol=0, atol=1e-9)
    assert set(records.pool.tolist()) <= {0, 1, 2}
    for index, plan in enumerate(supply):
        assert most_used(jobs, records, index) <= plan.most_gpus
    in_late = records.pool == 1
    assert (records.start_s[in_late] >= 30.0).all()


@settings(max_examples=100, deadline=None)
@given(rows=jobs_strategy)
def test_fifo_starts_in_order_of_arrival(pool: Callable[..., PoolPlan], rows: list[tuple[float, int, float, int]]) -> None:
    """Strict FIFO: nobody overtakes."""
    jobs = table(rows)
    records = simulate(jobs, [pool(2, 8)])
    assert (np.diff(records.start_s) >= 0).all()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_packed_nodes_hold_exactly_what_was_taken(data: st.DataObject) -> None:
    """A model that knows every node by number agrees with the O(1) stacks, step by step."""
    nodes, held, free = PackedNodes(3, 8), [], {0: 8, 1: 8, 2: 8}
    for _ in range(data.draw(st.integers(1, 40))):
        if held and data.draw(st.booleans()):
            gpus, place = held.pop(data.draw(st.integers(0, len(held) - 1)))
            nodes.release(gpus, place)
            for node in place if isinstance(place, list) else [place]:
                free[node] += 8 if isinstance(place, list) else gpus
        else:
            gpus = data.draw(st.sampled_from([1, 2, 3, 5, 8, 9, 16, 24]))
            fits = max(free.values()) >= gpus if gpus <= 8 else sum(count == 8 for count in free.values()) * 8 >= gpus
            assert nodes.fits(gpus) == fits
            told = nodes.place_for(gpus) if fits else False
            place = nodes.take(gpus)
            assert place == told
            if place is not False:
                for node in place if isinstance(place, list) else [place]:
                    free[node] -= 8 if isinstance(place, list) else gpus
                    assert free[node] >= 0
                held.append((gpus, place))
        assert nodes.free == sum(free.values())


def test_spread_serves_what_pack_cannot() -> None:
    """Two half-free nodes: a gang of eight fits spread, not packed."""
    packed, spread = PackedNodes(2, 8), SpreadGpus(2, 8)
    for placement in (packed, spread):
        assert placement.take(5) is not False
        assert placement.take(4) is not False
    assert packed.take(7) is False
    assert spread.take(7) is not False


def test_on_demand_nodes_are_paid_from_the_answer_until_they_have_idled(pool: Callable[..., PoolPlan]) -> None:
    """Cold start 30 s, warm reuse at once, cold again after idling: two leases, exact to the second."""
    plan = pool(1, 1, keep_warm_s=100.0, draw_delay=lambda: 30.0, mean_delay_s=30.0)
    jobs = JobTable.build(np.array([0.0, 100.0, 1000.0]), np.ones(3, np.int32), np.array([50.0, 50.0, 50.0]))
    records = simulate(jobs, [plan])
    assert records.start_s.tolist() == [30.0, 100.0, 1030.0]
    leased_from, leased_to = records.leases[0]
    assert sorted(zip(leased_from.tolist(), leased_to.tolist(), strict=True)) == [(30.0, 250.0), (1030.0, 1180.0)]


def test_overflow_goes_to_the_second_pool_only_when_the_first_is_too_slow(pool: Callable[..., PoolPlan]) -> None:
    """Preference holds while the expected wait is under the threshold."""
    jobs = JobTable.build(np.array([0.0, 1.0, 2.0]), np.ones(3, np.int32), np.array([100.0, 10.0, 10.0]))
    eager = simulate(jobs, [pool(1), pool(1)], routing=RoutingTerms(overflow_s=0.0))
    patient = simulate(jobs, [pool(1), pool(1)], routing=RoutingTerms(overflow_s=1e6))
    assert eager.pool.tolist() == [0, 1, 1]
    assert patient.pool.tolist() == [0, 0, 0]
