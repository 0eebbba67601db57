"""Nodes that go away and come again: no job is lost, no GPU serves two, and all work is done exactly once net of what was lost."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sim.engine.watch
from sim.demand.table import JobTable
from sim.engine.autoscaler import autoscale
from sim.engine.expiries import expiry
from sim.engine.failures import Downtime
from sim.engine.outages import breakdowns
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import Records
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.results.losses import PARTS, loss_figures
from sim.results.paid import held_spans
from sim.results.usage import capacity_gpu_s, runs
from sim.scenario.elastic import Elastic

MakePool = Callable[..., PoolPlan]
DOWN = st.tuples(st.floats(0, 120), st.floats(0.1, 40), st.sets(st.integers(0, 3), min_size=1))
ROW = st.tuples(st.floats(0, 100), st.sampled_from([1, 2, 5, 8, 16, 24]), st.floats(0.5, 50))


def failing(downs: list[tuple[float, float, set[int]]]) -> object:
    one_by_one = sorted(Downtime(at, lasts, lasts, "rack outage", tuple(sorted(nodes))) for at, lasts, nodes in downs)
    return lambda site, watch: breakdowns(site, watch, iter(one_by_one))


def table(rows: list[tuple[float, int, float]], **other: float) -> JobTable:
    arrival, gpus, duration = (np.array(column) for column in zip(*rows, strict=True))
    return JobTable.build(arrival.astype(float), gpus.astype(np.int32), duration.astype(float), **other)  # type: ignore[arg-type]


def assert_conserved(jobs: JobTable, records: Records, most: list[int]) -> None:
    assert np.isfinite(records.end_s).all()
    run = runs(jobs, records)
    assert (run.start_s >= jobs.arrival_s[run.job]).all()
    for pool, gpus in enumerate(most):
        here = run.pool == pool
        times = np.concatenate([run.end_s[here], run.start_s[here]])
        change = np.concatenate([-jobs.gpus[run.job[here]], jobs.gpus[run.job[here]]])
        assert np.cumsum(change[np.lexsort((change, times))]).max(initial=0) <= gpus
    done = np.bincount(run.job, run.end_s - run.start_s)
    again = np.zeros(len(jobs), bool)
    for one in records.attempts:
        done[one.job] -= one.restart_s + one.lost_s
        again[one.job] = True
        assert 0 <= one.lost_s <= one.end_s - one.start_s + 1e-9
    np.testing.assert_allclose(done - np.where(again, jobs.restart_s, 0.0), jobs.duration_s[0], atol=1e-6)


def test_a_checkpoint_due_as_a_run_is_cut_short_was_written(pool: Callable[..., PoolPlan]) -> None:
    """Every 1.1 h, and an outage at 3.3 h: in floating point 3.3 h is a little less than three times as long."""
    jobs = JobTable.build(np.zeros(1), np.full(1, 8, np.int32), np.full(1, 36000.0), checkpoint_s=1.1 * 3600)
    records = simulate(jobs, [pool(1, 8, changes=(failing([(3.3 * 3600, 3600.0, {0})]),))])
    assert records.attempts[0].lost_s == 0.0
    assert records.end_s[0] == pytest.approx(39600.0)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=40),
    downs=st.lists(DOWN, max_size=8),
    order=st.sampled_from(["fifo", "priority"]),
    checkpoint=st.sampled_from([3.0, np.inf]),
    restart=st.sampled_from([0.0, 1.5]),
    expires=st.floats(1, 90),
    how=st.sampled_from(["drain", "interrupt"]),
    backfill=st.sampled_from([None, "easy", "conservative"]),
)
def test_failures_and_expiries_lose_no_job_and_do_all_work_once(
    pool: MakePool,
    rows: list[tuple[float, int, float]],
    downs: list[tuple[float, float, set[int]]],
    order: str,
    checkpoint: float,
    restart: float,
    expires: float,
    how: str,
    backfill: str | None,
) -> None:
    """Two failing pools, held and on demand, one of which loses nodes for good; the parts of what was paid add up."""
    jobs = table(rows, checkpoint_s=checkpoint, restart_s=restart)
    leaving = (failing(downs), lambda site, _: expiry(site, expires, 2, how))  # type: ignore[arg-type]
    held = pool(4, 8, changes=leaving, expiring=2)
    cold = pool(4, 8, keep_warm_s=5.0, draw_delay=lambda: 3.0, mean_delay_s=3.0, changes=(failing(downs),))
    plans = [held, cold]
    records = simulate(jobs, plans, queue=QueueTerms(order, backfill), routing=RoutingTerms(overflow_s=5.0))
    assert_conserved(jobs, records, [32, 32])
    end = float(records.end_s.max())
    figures = loss_figures(jobs, records, plans, end)
    parts = [figures[f"losses.{part}_gpu_hours"] for part in PARTS]
    leased_from, leased_to = records.leases[1]
    paid = capacity_gpu_s(records, 0, 0.0, end) + 8 * float((np.minimum(leased_to, end) - np.minimum(leased_from, end)).sum())
    assert sum(parts) == pytest.approx(paid / 3600, abs=1e-6)
    assert min(parts) > -1e-6
    in_held = runs(jobs, records).pool == 0
    late = runs(jobs, records).start_s[in_held] > expires
    assert (jobs.gpus[runs(jobs, records).job[in_held][late]] <= 16).all()


def test_a_failure_costs_the_work_since_the_last_checkpoint_and_a_restart(pool: MakePool) -> None:
    """100 s of work, saved every 30 s, broken at 70 s, mended at 90 s: 60 s are kept, 10 s lost, 5 s pay the restart."""
    jobs = table([(0.0, 8, 100.0)], checkpoint_s=30.0, restart_s=5.0)
    records = simulate(jobs, [pool(1, 8, changes=(failing([(70.0, 20.0, {0})]),))])
    assert [(one.end_s, one.lost_s, one.restart_s) for one in records.attempts] == [(70.0, 10.0, 0.0)]
    assert (records.start_s[0], records.end_s[0]) == (90.0, 135.0)
    assert records.waited_s(jobs.arrival_s)[0] == pytest.approx(20.0)


def test_draining_nodes_finish_what_runs_and_take_nothing_new(pool: MakePool) -> None:
    """Expiring at 10 s, the run until 50 s ends there; the next job goes to the node that stays."""
    rows = [(0.0, 8, 50.0), (1.0, 8, 100.0), (2.0, 8, 5.0)]
    plan = pool(2, 8, changes=(lambda site, _: expiry(site, 10.0, 1, "drain"),), expiring=1)
    records = simulate(table(rows), [plan])
    assert not records.attempts
    assert records.end_s.tolist() in ([50.0, 101.0, 106.0], [50.0, 101.0, 55.0])
    assert sum(gpus for _, _, gpus in records.capacity[-1:]) == 8


def test_a_leaving_node_goes_when_its_gang_is_cut_short_on_another(pool: MakePool) -> None:
    """Of two gangs of two nodes, one runs on both leaving ones until, at 20 s, one of these breaks: both go, and the gang comes back."""
    changes = (lambda site, _: expiry(site, 10.0, 2, "drain"), failing([(20.0, 5.0, {0})]))
    records = simulate(table([(0.0, 16, 100.0), (0.0, 16, 100.0)]), [pool(4, 8, changes=changes, expiring=2)])
    assert [(time, gpus) for _, time, gpus in records.capacity] == [(0.0, 32), (20.0, 16)]
    assert sorted(records.end_s.tolist()) == [100.0, 200.0]


def test_an_elastic_pool_replaces_what_broke(pool: MakePool) -> None:
    """Its only node is broken from 10 s on for a day: a job that comes at 100 s starts on another one, 60 s of queueing and an answer of
    30 s later."""
    word = Elastic.model_validate({"max": 2, "scale-up": {"queue-wait": "1 min"}, "every": "10 s"})
    scaling = (lambda site, watch: autoscale(site, watch, word, lambda: 30.0), failing([(10.0, 86400.0, {0})]))
    records = simulate(table([(100.0, 8, 60.0)]), [pool(1, 8, grows_to=2, metered=True, changes=scaling)])
    assert records.start_s.tolist() == [190.0]


def test_an_elastic_pool_grows_for_a_queue_and_shrinks_when_idle(pool: MakePool) -> None:
    """Nothing at first, four nodes for four jobs after 60 s of queueing and a 30 s answer, nothing again when they idled."""
    word = Elastic.model_validate({"max": 4, "scale-up": {"queue-wait": "1 min"}, "idle": "10 min", "every": "10 s"})
    plan = pool(0, 8, grows_to=4, metered=True, changes=(lambda site, watch: autoscale(site, watch, word, lambda: 30.0),))
    rows = [(0.0, 8, 600.0)] * 4 + [(5000.0, 8, 600.0)]
    records = simulate(table(rows), [plan])
    assert records.start_s.tolist() == [90.0] * 4 + [5090.0]
    levels = [gpus // 8 for _, _, gpus in records.capacity]
    assert max(levels) == 4
    assert 0 in levels[1:]
    leased_from, leased_to = records.leases[0]
    held = leased_to - leased_from
    assert len(held) == 8  # 600 s of work through in 60 s would need more than the four it may have, both times
    assert ((held >= 600) & (held <= 600 + 600 + 10)).all()


def test_an_elastic_pool_gives_back_what_it_grew_by_after_the_last_job(pool: MakePool) -> None:
    """Four nodes come at 900 s. Two go after 15 min without work, the others 15 min after the last job, which ended at 4500 s."""
    word = Elastic.model_validate({"max": 4, "scale-up": {"queue-wait": "10 min"}, "idle": "15 min"})
    plan = pool(0, 8, grows_to=4, metered=True, changes=(lambda site, watch: autoscale(site, watch, word, lambda: 300.0),))
    records = simulate(table([(0.0, 8, 3600.0)] * 2), [plan])
    assert records.end_s.tolist() == [4500.0] * 2
    assert records.capacity == [(0, 0.0, 0), (0, 900.0, 32), (0, 1800.0, 16), (0, 5460.0, 0)]  # the first look without work is at 4560 s
    assert [times.tolist() for times in records.leases[0]] == [[900.0] * 4, [1800.0, 1800.0, 5460.0, 5460.0]]


@pytest.mark.parametrize(("horizon_s", "until_s"), [(float("inf"), 4560.0), (3600.0, np.inf)])
def test_an_elastic_pool_holds_its_least_nodes_for_good(pool: MakePool, horizon_s: float, until_s: float) -> None:
    """Of two nodes one is to stay. The other goes when it idled for 15 min after the job, unless nobody asks about that time any more."""
    word = Elastic.model_validate({"min": 1, "max": 4, "scale-up": {"queue-wait": "10 min"}, "idle": "15 min"})
    scaling = (lambda site, watch: autoscale(site, watch, word, lambda: 300.0, horizon_s),)
    plan = pool(2, 8, grows_to=4, metered=True, changes=scaling)
    records = simulate(table([(0.0, 16, 3600.0)]), [plan])
    assert [times.tolist() for times in records.leases[0]] == [[0.0] * 2, [until_s, np.inf]]
    assert held_spans(0, plan, records).integral(0.0, 7200.0) == 8 * (7200.0 + min(until_s, 7200.0))


def test_a_long_run_is_not_taken_for_a_stuck_one(pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """More looks of an autoscaler than changes are borne without anything done, while the job needs nothing but time."""
    monkeypatch.setattr(sim.engine.watch, "MOST_CHANGES", 100)
    word = Elastic.model_validate({"max": 1, "scale-up": {"queue-wait": "1 min"}, "every": "1 s"})
    plan = pool(1, 8, grows_to=1, metered=True, changes=(lambda site, watch: autoscale(site, watch, word, lambda: 30.0),))
    assert simulate(table([(0.0, 8, 1000.0)]), [plan]).end_s.tolist() == [1000.0]


def test_runs_that_never_get_through_are_told_and_do_not_hang(pool: MakePool) -> None:
    """A day's work that saves nothing on a node that breaks every hour."""
    from sim.scenario.errors import InputError

    hourly = (Downtime(3600.0 * hour, 60.0, 60.0, "pool outage") for hour in range(1, 10**9))
    plan = pool(1, 8, changes=(lambda site, watch: breakdowns(site, watch, hourly),))
    with pytest.raises(InputError, match="does not get through"):
        simulate(table([(0.0, 8, 86400.0)]), [plan])
