"""Jobs that make room for others: theory where work is resumed, conservation whatever is lost, and an end to it for the one that yields."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.engine.placement import PackedNodes, nodes_of
from sim.engine.pool import PoolPlan
from sim.engine.preemptions.victims import victims
from sim.engine.queue_terms import PreemptionTerms, QueueTerms
from sim.engine.simulation import simulate
from tests.engine.test_queueing_theory import assert_agrees
from tests.engine.test_volatile_pool import assert_conserved

MakePool = Callable[..., PoolPlan]
RESUME_S = 1e-9
"""Work saved this often is resumed where it was cut."""


def test_preemptive_resume_agrees_with_theory(pool: MakePool) -> None:
    """M/M/1, rates 0.3 and 0.5: mean time in the system 1.428571 and 7.142857, over 30 seeds."""
    rates, count = (0.3, 0.5), 20_000
    queue = QueueTerms("priority", preemption=PreemptionTerms("priority", at_most=None))
    times: tuple[list[float], list[float]] = ([], [])
    for seed in range(30):
        rng = np.random.default_rng(seed)
        arrival = np.cumsum(rng.exponential(1 / sum(rates), count))
        group = rng.choice(2, count, p=np.array(rates) / sum(rates))
        priority = (-group).astype(np.int32)
        jobs = JobTable.build(arrival, np.ones(count, np.int32), rng.exponential(1.0, count), priority=priority, checkpoint_s=RESUME_S)
        spent = simulate(jobs, [pool(1)], queue=queue).end_s - jobs.arrival_s
        for index in (0, 1):
            times[index].append(float(spent[group == index][count // 20 :].mean()))
    assert_agrees(times[0], 1.428571)
    assert_agrees(times[1], 7.142857)


ROW = st.tuples(st.floats(0, 100), st.sampled_from([1, 2, 5, 8, 16, 24]), st.floats(0.5, 50), st.integers(0, 2))


@settings(max_examples=120, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=40),
    order=st.sampled_from(["fifo", "priority", "las", "fair-share"]),
    backfill=st.sampled_from([None, "easy", "conservative"]),
    terms=st.sampled_from(
        [PreemptionTerms("priority"), PreemptionTerms("attained-service", quantum_gpu_s=20.0), PreemptionTerms("priority", at_most=1)]
    ),
    checkpoint=st.sampled_from([3.0, np.inf]),
    save=st.sampled_from([0.0, 0.5]),
)
def test_no_job_is_lost_and_all_work_is_done_once(
    pool: MakePool,
    rows: list[tuple[float, int, float, int]],
    order: str,
    backfill: str | None,
    terms: PreemptionTerms,
    checkpoint: float,
    save: float,
) -> None:
    """Whoever makes room for whom: each job ends, ran as long as it should net of what was lost, and yields no more than it may."""
    arrival, gpus, duration, priority = (np.array(column, float) for column in zip(*rows, strict=True))
    jobs = JobTable.build(
        arrival, gpus.astype(np.int32), duration, priority=priority.astype(np.int32), checkpoint_s=checkpoint, save_s=save, restart_s=1.0
    )
    records = simulate(jobs, [pool(3, 8)], queue=QueueTerms(order, backfill, preemption=terms))
    assert_conserved(jobs, records, [24])
    assert max(Counter(one.job for one in records.attempts).values(), default=0) <= (terms.at_most or 0)


def test_the_urgent_start_at_once_and_the_preempted_goes_on_from_what_it_saved(pool: MakePool) -> None:
    """A long job of low priority, cut at 50 s, writes a checkpoint (2 s), queues behind 10 s of urgent work, restarts (5 s), ends."""
    jobs = JobTable.build(
        np.array([0.0, 50.0]), np.array([8, 8]), np.array([100.0, 10.0]), priority=np.array([0, 1], np.int32),
        checkpoint_s=30.0, save_s=2.0, restart_s=5.0,
    )  # fmt: skip
    records = simulate(jobs, [pool(1, 8)], queue=QueueTerms("priority", preemption=PreemptionTerms("priority")))
    assert records.start_s[1] == 50.0
    assert [(one.job, one.end_s, one.lost_s) for one in records.attempts] == [(0, 50.0, 2.0)]
    assert records.end_s[0] == pytest.approx(60.0 + 5.0 + 52.0)


def test_named_workloads_make_room_and_the_cheapest_does(pool: MakePool) -> None:
    """Of two nodes, the one whose job has just begun is given up: it has less to lose."""
    jobs = JobTable.build(np.array([0.0, 40.0, 50.0]), np.array([8, 8, 8]), np.array([100.0, 100.0, 10.0]))
    jobs = JobTable(**{**jobs.__dict__, "workload": np.array([0, 0, 1], np.int32), "workloads": ("merges", "tunes")})
    queue = QueueTerms(preemption=PreemptionTerms("workloads", by=(1,), of=(0,)))
    records = simulate(jobs, [pool(2, 8)], queue=queue)
    assert records.start_s[2] == 50.0
    assert [one.job for one in records.attempts] == [1]


def test_nobody_makes_room_whom_the_others_can_spare(pool: MakePool) -> None:
    """4 GPUs are needed of 1 + 4 that yield: the small job has less to lose, but the large one alone will do."""
    jobs = JobTable.build(
        np.array([0.0, 0.0, 0.0, 50.0]), np.array([1, 4, 3, 4]), np.array([100.0, 100.0, 100.0, 10.0]),
        priority=np.array([0, 0, 1, 1], np.int32),
    )  # fmt: skip
    records = simulate(jobs, [pool(1, 8)], queue=QueueTerms("priority", preemption=PreemptionTerms("priority")))
    assert records.start_s[3] == 50.0
    assert [one.job for one in records.attempts] == [1]


def test_a_gang_that_frees_two_nodes_spares_the_one_between() -> None:
    """Gangs of equal loss on nodes 0 and 2, and on node 1: for two nodes the first alone makes room."""
    nodes = PackedNodes(3, 8)
    running: list[set[int]] = [{0}, {1}, {0}]
    nodes.take(24)
    gpus = {0: 16, 1: 8}
    assert victims(16, nodes, running, gpus.__getitem__, lambda _: True, lambda _: 5.0) == [0]


@settings(max_examples=200, deadline=None)
@given(
    gangs=st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 5, 8, 16]), st.booleans(), st.integers(0, 4)), max_size=16),
    gpus=st.sampled_from([1, 2, 4, 6, 8, 12, 16, 24]),
)
def test_those_that_make_room_are_enough_and_none_is_too_many(gangs: list[tuple[int, bool, int]], gpus: int) -> None:
    """Whatever runs, whoever yields, whatever is lost: the gang fits once they end, and without any one of them it would not."""
    nodes, running = PackedNodes(4, 8), [set[int]() for _ in range(4)]
    places = [nodes.take(size) for size, _, _ in gangs]
    for job, place in enumerate(places):
        for node in nodes_of(place) if place is not False else ():
            running[node].add(job)

    def fits_without(ended: list[int]) -> bool:
        for job in ended:
            nodes.release(gangs[job][0], places[job])
        fits = nodes.fits(gpus)
        for job in ended:
            nodes.take_at(gangs[job][0], places[job])
        return fits

    if not nodes.fits(gpus):
        yielding = [job for job, place in enumerate(places) if place is not False and gangs[job][1]]
        chosen = victims(gpus, nodes, running, lambda job: gangs[job][0], yielding.__contains__, lambda job: float(gangs[job][2]))
        assert (chosen is not None) == fits_without(yielding)
        assert chosen is None or fits_without(chosen)
        assert not any(fits_without([one for one in chosen or () if one != spared]) for spared in chosen or ())


def test_least_attained_service_lets_the_short_through(pool: MakePool) -> None:
    """Without any estimate: a few long jobs hold the pool, short ones take turns at it; most slow down far less than under FIFO."""
    rng = np.random.default_rng(4)
    long = np.arange(600) % 20 == 0
    duration = np.where(long, 400.0, rng.exponential(4.0, 600))
    arrival = np.cumsum(rng.exponential(duration.mean() / 8 / 0.9, 600))
    jobs = JobTable.build(arrival, np.ones(600, np.int32), duration, checkpoint_s=RESUME_S)
    las = QueueTerms("las", preemption=PreemptionTerms("attained-service", at_most=None, quantum_gpu_s=30.0))
    wait = {
        name: simulate(jobs, [pool(1, 8)], queue=queue).waited_s(jobs.arrival_s) for name, queue in (("fifo", QueueTerms()), ("las", las))
    }
    assert np.median(wait["las"][~long]) <= 0.5 * np.median(wait["fifo"][~long])
    assert wait["las"][~long].mean() < 0.3 * wait["fifo"][~long].mean()
