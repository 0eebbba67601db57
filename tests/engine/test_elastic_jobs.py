"""Jobs that shrink and grow: all work is done once on whatever sizes, no GPU serves two, rigid jobs notice nothing, waits are shorter."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable, Scaling, concatenate
from sim.engine.failures import Downtime
from sim.engine.outages import breakdowns
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import PreemptionTerms, QueueTerms
from sim.engine.records import RESIZE, Records
from sim.engine.simulation import simulate
from sim.results.losses import PARTS, loss_figures
from sim.results.usage import capacity_gpu_s, runs, used_gpu_s

MakePool = Callable[..., PoolPlan]
CURVE: Scaling = {8: {4: (1.8,), 8: (1.0,), 16: (0.6,), 32: (0.4,)}}
"""Sublinear: twice the GPUs are 1.5 to 1.8 times as fast."""


def elastic_table(arrival: list[float], duration: list[float], *, every: float = 10.0, restart: float = 1.0) -> JobTable:
    gpus = np.full(len(arrival), 8, np.int32)
    return JobTable.build(
        np.array(arrival), gpus, np.array(duration), checkpoint_s=every, restart_s=restart, scaling=CURVE, workload="elastic"
    )


def sizes(records: Records, job: int) -> list[int]:
    return [one.gpus for one in records.attempts if one.job == job] + [int(records.gpus[job])]


def assert_all_done_once(jobs: JobTable, records: Records, gpus: int) -> None:
    """Each run's progress, as a share of its job on its size, adds up to one; and no more GPUs run than there are."""
    assert np.isfinite(records.end_s).all()
    run = runs(jobs, records)
    assert (run.start_s >= jobs.arrival_s[run.job] - 1e-9).all()
    times, change = np.concatenate([run.end_s, run.start_s]), np.concatenate([-run.gpus, run.gpus])
    assert np.cumsum(change[np.lexsort((change, times))]).max() <= gpus
    interrupted = {one.job for one in records.attempts}
    spent = {(one.job, one.start_s): one.restart_s + one.lost_s for one in records.attempts}
    done = np.zeros(len(jobs))
    for job, start, end, held in zip(run.job.tolist(), run.start_s.tolist(), run.end_s.tolist(), run.gpus.tolist(), strict=True):
        last = jobs.restart_s[job] if job in interrupted else 0.0
        curve = jobs.scaling[jobs.workload[job]].get(int(jobs.gpus[job]), {}) if jobs.scaling else {}
        assert held == jobs.gpus[job] or held in curve
        whole = jobs.duration_s[0, job] * curve.get(held, (1.0,))[0]
        done[job] += (end - start - spent.get((job, start), last)) / whole
    np.testing.assert_allclose(done, 1.0, atol=1e-6)


ROW = st.tuples(st.floats(0, 100), st.floats(0.5, 80))
RIGID = st.tuples(st.floats(0, 100), st.sampled_from([1, 2, 5, 8, 16, 24]), st.floats(0.5, 50), st.integers(0, 2))
DOWN = st.tuples(st.floats(0, 120), st.floats(0.1, 40), st.sets(st.integers(0, 3), min_size=1))


@settings(max_examples=120, deadline=None)
@given(
    elastic=st.lists(ROW, min_size=1, max_size=15),
    rigid=st.lists(RIGID, min_size=1, max_size=20),
    downs=st.lists(DOWN, max_size=3),
    order=st.sampled_from(["fifo", "priority", "sjf", "las", "fair-share"]),
    backfill=st.sampled_from([None, "easy"]),
    preemption=st.sampled_from([None, PreemptionTerms("priority"), PreemptionTerms("attained-service", quantum_gpu_s=20.0)]),
    cold=st.booleans(),
)
def test_all_work_is_done_once_and_gpus_are_never_double_booked(
    pool: MakePool,
    elastic: list[tuple[float, float]],
    rigid: list[tuple[float, int, float, int]],
    downs: list[tuple[float, float, set[int]]],
    order: str,
    backfill: str | None,
    preemption: PreemptionTerms | None,
    cold: bool,
) -> None:
    """Among rigid jobs, on nodes that break, held or on demand, in every order; what was paid adds up from what was used and lost."""
    arrival, gpus, duration, priority = (np.array(column, float) for column in zip(*rigid, strict=True))
    steady = JobTable.build(
        arrival, gpus.astype(np.int32), duration, priority=priority.astype(np.int32), restart_s=1.0, checkpoint_s=7.0, workload="rigid"
    )
    jobs = concatenate([elastic_table(*map(list, zip(*elastic, strict=True))), steady])  # type: ignore[arg-type]
    one_by_one = sorted(Downtime(at, lasts, lasts, "rack outage", tuple(sorted(nodes))) for at, lasts, nodes in downs)
    leased = {"keep_warm_s": 5.0, "draw_delay": lambda: 3.0, "mean_delay_s": 3.0} if cold else {}
    plan = pool(4, 8, changes=(lambda site, watch: breakdowns(site, watch, iter(one_by_one)),), **leased)
    records = simulate(jobs, [plan], queue=QueueTerms(order, backfill, preemption=preemption))
    assert_all_done_once(jobs, records, 32)
    end = float(records.end_s.max()) + 10.0
    figures = loss_figures(jobs, records, [plan], end)
    paid = capacity_gpu_s(records, 0, 0.0, end)
    if cold:
        from_s, to_s = records.leases[0]
        paid = 8 * float((np.minimum(to_s, end) - from_s).sum())
    assert sum(figures[f"losses.{part}_gpu_hours"] for part in PARTS) == pytest.approx(paid / 3600, abs=1e-6)
    run = runs(jobs, records)
    assert used_gpu_s(jobs, records, 0.0, end, 1).sum() == pytest.approx(float(((run.end_s - run.start_s) * run.gpus).sum()))


def test_a_job_alone_grows_at_its_first_checkpoint_as_far_as_it_pays(pool: MakePool) -> None:
    """100 s on 8 GPUs: after 10 s of it, 32 free GPUs take 1 s of restart and 40 % of the 90 s left."""
    jobs = elastic_table([0.0], [100.0])
    records = simulate(jobs, [pool(4, 8)])
    assert sizes(records, 0) == [8, 32]
    assert [(one.end_s, one.lost_s, one.cause) for one in records.attempts] == [(10.0, 0.0, RESIZE)]
    assert records.end_s[0] == pytest.approx(10.0 + 1.0 + 0.4 * 90.0)
    assert records.waited_s(jobs.arrival_s)[0] == 0.0


def test_no_job_grows_where_the_restart_costs_more_than_it_gains(pool: MakePool) -> None:
    records = simulate(elastic_table([0.0], [100.0], restart=60.0), [pool(4, 8)])
    assert sizes(records, 0) == [8]
    assert records.end_s[0] == 100.0


def test_a_job_that_does_not_fit_starts_smaller_and_shrinks_for_who_waits(pool: MakePool) -> None:
    """On one node: a job runs on 8; a second waits until the first's checkpoint at 10 s halves it, and starts on the other half."""
    jobs = elastic_table([0.0, 1.0], [50.0, 50.0])
    records = simulate(jobs, [pool(1, 8)])
    assert sizes(records, 0)[:2] == [8, 4]
    assert sizes(records, 1)[0] == 4
    assert records.first_start_s().tolist() == [0.0, 10.0]
    assert records.waited_s(jobs.arrival_s).tolist() == pytest.approx([0.0, 9.0])
    assert_all_done_once(jobs, records, 8)


def test_no_job_shrinks_where_that_would_start_nobody(pool: MakePool) -> None:
    """A gang of two nodes waits; the other node is taken by a rigid job, and half a node more is of no use."""
    rigid = JobTable.build(np.array([0.0, 1.0]), np.array([8, 16]), np.array([200.0, 5.0]), workload="rigid")
    jobs = concatenate([elastic_table([0.0], [50.0]), rigid])
    records = simulate(jobs, [pool(2, 8)])
    assert not records.attempts


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(RIGID, min_size=1, max_size=40), order=st.sampled_from(["fifo", "sjf", "fair-share"]), easy=st.booleans())
def test_rigid_jobs_run_as_they_would_without_elastic_ones(
    pool: MakePool, rows: list[tuple[float, int, float, int]], order: str, easy: bool
) -> None:
    """The pool that serves elastic jobs gives rigid ones the very times that a steady pool does."""
    arrival, gpus, duration, _ = (np.array(column, float) for column in zip(*rows, strict=True))
    jobs = JobTable.build(arrival, gpus.astype(np.int32), duration)
    served = replace(jobs, scaling=({999: {999: (1.0,)}},))
    queue = QueueTerms(order, "easy" if easy else None)
    steady, elastic = (simulate(one, [pool(3, 8)], queue=queue) for one in (jobs, served))
    assert steady.start_s.tobytes() == elastic.start_s.tobytes()
    assert steady.end_s.tobytes() == elastic.end_s.tobytes()


def test_elastic_training_is_done_sooner_on_the_same_nodes(pool: MakePool) -> None:
    """At a load of 0.8 of 8-GPU gangs on 4 nodes, elastic jobs wait less and are done sooner: at night they grow, in a rush they share."""
    rng = np.random.default_rng(3)
    duration = rng.exponential(3600.0, 800)
    arrival = np.cumsum(rng.exponential(3600.0 / 4 / 0.8, 800))
    jobs = elastic_table(arrival.tolist(), duration.tolist(), every=300.0, restart=30.0)
    records = {name: simulate(one, [pool(4, 8)]) for name, one in (("rigid", replace(jobs, scaling=())), ("elastic", jobs))}
    wait = {name: float(one.waited_s(jobs.arrival_s).mean()) for name, one in records.items()}
    done = {name: float((one.end_s - jobs.arrival_s).mean()) for name, one in records.items()}
    assert wait["elastic"] < 0.5 * wait["rigid"]
    assert done["elastic"] < done["rigid"]
    assert_all_done_once(jobs, records["elastic"], 32)
