"""Admission: limits agree with the theory of finite queues, nobody is lost silently, and promises are what was told."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.results.admissions import admission_figures
from sim.scenario.admission import AdmissionPolicy
from tests.engine.test_conservation import jobs_strategy, most_used, plans, table

MakePool = Callable[..., PoolPlan]
JOBS, RUNS = 40_000, 30


def policy(**words: object) -> AdmissionPolicy:
    return AdmissionPolicy.model_validate(words)


def limited(waiting: int) -> AdmissionPolicy:
    return policy(**{"reject-when": {"waiting-jobs": waiting}})


def assert_within(samples: list[float], expected: float) -> None:
    low, high = stats.t.interval(0.999, len(samples) - 1, np.mean(samples), stats.sem(samples))
    print(f"expected {expected:.6f}, simulated {np.mean(samples):.6f} in ({low:.6f}, {high:.6f})")
    assert low <= expected <= high
    assert high - low < 0.1 * expected


@pytest.mark.parametrize(
    ("rate", "waiting", "blocking", "wait"), [(4.0, 6, 0.108475, 0.638783), (3.2, 0, 0.228145, None)], ids=["M/M/4/10", "Erlang B"]
)
def test_finite_queues_block_and_delay_as_theory_says(
    pool: MakePool, rate: float, waiting: int, blocking: float, wait: float | None
) -> None:
    """Blocking probability, and the mean wait of the admitted, over 30 seeds: the published values inside 99.9 % intervals."""
    blocked, waited = [], []
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        jobs = JobTable.build(np.cumsum(rng.exponential(1 / rate, JOBS)), np.ones(JOBS, np.int32), rng.exponential(1.0, JOBS))
        records = simulate(jobs, [pool(4)], admission=limited(waiting))
        measured = np.arange(JOBS) > JOBS // 20
        taken = measured & records.accepted
        blocked.append(1 - taken.sum() / measured.sum())
        waited.append(float((records.start_s - jobs.arrival_s)[taken].mean()))
    assert_within(blocked, blocking)
    if wait is None:
        assert max(waited) == 0
    else:
        assert_within(waited, wait)


@settings(max_examples=100, deadline=None)
@given(rows=jobs_strategy, order=st.sampled_from(["fifo", "priority"]), waiting=st.integers(0, 4), longest=st.floats(0, 60))
def test_each_job_either_runs_once_or_is_counted_as_turned_away(
    pool: MakePool, rows: list[tuple[float, int, float, int]], order: str, waiting: int, longest: float
) -> None:
    """Conservation under both limits, over pools held, late and on demand."""
    jobs, supply = table(rows), plans(pool, "pack")
    words = policy(**{"reject-when": {"waiting-jobs": waiting, "expected-wait": f"{longest} s"}, "promise": {}})
    records = simulate(jobs, supply, queue=QueueTerms(order), admission=words)
    taken = records.accepted
    assert np.isfinite(records.end_s[taken]).all()
    assert np.isnan(records.start_s[~taken]).all()
    assert np.isnan(records.end_s[~taken]).all()
    assert admission_figures(jobs, records, 0.0)["admission.rejected"] == (~taken).sum()
    assert records.promised_s is not None
    assert (np.isnan(records.promised_s) == ~taken).all()
    assert (records.promised_s[taken] <= jobs.arrival_s[taken] + longest + 1e-6).all()
    for index, plan in enumerate(supply):
        assert most_used(jobs, records, index) <= plan.most_gpus


def test_a_job_refused_by_one_pool_is_taken_by_another(pool: MakePool) -> None:
    """One running and none may wait: the second job goes to the second pool though the first is preferred; the third nowhere."""
    jobs = JobTable.build(np.array([0.0, 1.0, 2.0]), np.ones(3, np.int32), np.full(3, 10.0))
    records = simulate(jobs, [pool(1), pool(1)], routing=RoutingTerms(overflow_s=1e9), admission=limited(0))
    assert records.pool.tolist() == [0, 1, -1]


def test_promises_count_the_first_start_against_what_was_told(pool: MakePool) -> None:
    """Told 0 s, 9 s and 18 s by a single server of 10 s jobs, FIFO keeps every promise; a higher priority arriving later breaks one."""
    arrival, priority = np.array([0.0, 1.0, 2.0]), np.array([0, 0, 1], np.int32)
    jobs = JobTable.build(arrival, np.ones(3, np.int32), np.full(3, 10.0), priority=priority)
    told = policy(promise={})
    first_come = simulate(jobs, [pool(1)], admission=told)
    assert first_come.promised_s is not None
    assert first_come.promised_s.tolist() == [0.0, 10.0, 20.0]
    assert admission_figures(jobs, first_come, 0.0)["promises.kept"] == 1.0
    jumped = simulate(jobs, [pool(1)], queue=QueueTerms("priority"), admission=told)
    assert admission_figures(jobs, jumped, 0.0)["promises.kept"] == pytest.approx(2 / 3)
    lenient = simulate(jobs, [pool(1)], queue=QueueTerms("priority"), admission=policy(promise={"factor": 2, "grace": "1 s"}))
    assert lenient.promised_s is not None
    assert lenient.promised_s.tolist() == [1.0, 20.0, 39.0]
    assert admission_figures(jobs, lenient, 0.0)["promises.kept"] == 1.0
