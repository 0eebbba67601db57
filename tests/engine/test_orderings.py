"""Queue orderings: each against a plain reference, and each where it wins."""

from collections.abc import Callable
from heapq import heapify, heappop

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.engine.clock import Clock
from sim.engine.orderings import ORDERINGS, Observer, Queueing
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.engine.tenant_usage import TenantUsage
from tests.engine.test_conservation import jobs_strategy, most_used, table

MakePool = Callable[..., PoolPlan]


def loaded(seed: int, count: int = 3000, **columns: object) -> JobTable:
    """Single-GPU jobs at 0.95 of one node of eight."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1 / 7.6, count))
    return JobTable.build(arrival, np.ones(count, np.int32), rng.exponential(1.0, count), **columns)  # type: ignore[arg-type]


def reference_fifo(jobs: JobTable, gpus: int) -> list[float]:
    """Strict first come, first served over plain GPUs, by hand: each starts when those before it have, and enough GPUs are free."""
    free_at = [0.0] * gpus
    heapify(free_at)
    starts, last = [], 0.0
    for arrival, need, lasts in zip(jobs.arrival_s.tolist(), jobs.gpus.tolist(), jobs.duration_s[0].tolist(), strict=True):
        taken = sorted(heappop(free_at) for _ in range(need))
        start = last = max(arrival, taken[-1], last)
        starts.append(start)
        free_at.extend([start + lasts] * need)
        heapify(free_at)
    return starts


@settings(max_examples=100, deadline=None)
@given(rows=jobs_strategy)
def test_fifo_is_exactly_the_reference(pool: MakePool, rows: list[tuple[float, int, float, int]]) -> None:
    """Golden: the same starts, to the last bit, as a dozen lines that share nothing with the engine."""
    jobs = table(rows)
    assert simulate(jobs, [pool(3, 8, "spread")]).start_s.tolist() == reference_fifo(jobs, 24)


@pytest.mark.parametrize("order", ["fifo", "priority", "sjf", "edf"])
def test_an_ordering_serves_by_its_rank(order: str) -> None:
    """Pushes, pops and removals from behind in any mix: the head is always the least by rank, then by arrival."""
    rng, count = np.random.default_rng(5), 400
    priority, lasts, deadline = rng.integers(0, 6, (3, count))
    arrival = np.arange(count, dtype=float)
    jobs = JobTable.build(arrival, np.ones(count, np.int32), lasts + 1.0, priority=priority.astype(np.int32), deadline_s=arrival + deadline)
    ranks = {"fifo": arrival, "priority": -priority, "sjf": lasts, "edf": arrival + deadline}[order]
    clock = Clock()
    never = np.full(count, np.nan)
    queue = ORDERINGS[order](Queueing(jobs, clock, lambda job: float(lasts[job] + 1), never, TenantUsage(jobs, clock, never)))
    waiting: list[int] = []
    coming = list(range(count))
    while coming or waiting:
        for _ in range(min(len(coming), int(rng.integers(0 if waiting else 1, 4)))):
            waiting.append(coming.pop(0))
            queue.push(waiting[-1])
        waiting.sort(key=lambda job: (ranks[job], job))
        assert queue.head() == waiting[0]
        assert queue.behind(4) == waiting[1:5]
        if len(waiting) > 1 and rng.uniform() < 0.4:
            queue.remove(waiting.pop(1))
        elif rng.uniform() < 0.7:
            assert queue.pop() == waiting.pop(0)
        assert len(queue) == len(waiting)


@settings(max_examples=100, deadline=None)
@given(rows=jobs_strategy, order=st.sampled_from(sorted(ORDERINGS)), backfill=st.sampled_from([None, "easy", "conservative"]))
def test_every_order_runs_every_job_once(
    pool: MakePool, rows: list[tuple[float, int, float, int]], order: str, backfill: str | None
) -> None:
    """Conservation, whatever the order and whoever may overtake."""
    jobs = table(rows)
    records = simulate(jobs, [pool(2, 8)], queue=QueueTerms(order, backfill))
    np.testing.assert_allclose(records.end_s - records.start_s, jobs.duration_s[0], atol=1e-9)
    assert most_used(jobs, records, 0) <= 16


def test_shortest_first_has_the_least_mean_wait(pool: MakePool) -> None:
    """Smith's rule: with true estimates no order that ignores them waits less on average."""
    jobs = loaded(1)
    mean = {
        order: float((simulate(jobs, [pool(1, 8)], queue=QueueTerms(order)).start_s - jobs.arrival_s).mean()) for order in ("fifo", "sjf")
    }
    assert mean["sjf"] < 0.6 * mean["fifo"]


def test_earliest_deadline_misses_the_fewest(pool: MakePool) -> None:
    """Urgent jobs among patient ones: served by deadline, far fewer are late."""
    arrival = loaded(2).arrival_s
    slack = np.where(np.arange(len(arrival)) % 4 == 0, 3.0, 40.0)
    jobs = loaded(2, deadline_s=arrival + slack)
    late = {order: int((simulate(jobs, [pool(1, 8)], queue=QueueTerms(order)).end_s > jobs.deadline_s).sum()) for order in ("fifo", "edf")}
    assert late["edf"] < 0.3 * late["fifo"]


def test_fair_share_protects_a_small_tenant_from_a_large_one(pool: MakePool) -> None:
    """One tenant floods the queue at once; the other, which asks for little, hardly waits."""
    flood, little = np.zeros(400), np.linspace(1, 40, 20)
    arrival = np.concatenate([flood, little])
    tenant = np.concatenate([np.zeros(400), np.ones(20)]).astype(np.int32)
    jobs = JobTable.build(arrival, np.ones(420, np.int32), np.ones(420), tenants=("many", "few"), tenant=tenant)
    few = jobs.tenant == 1
    wait = {
        order: (simulate(jobs, [pool(1, 8)], queue=QueueTerms(order)).start_s - jobs.arrival_s)[few].mean()
        for order in ("fifo", "fair-share")
    }
    assert wait["fair-share"] < 1.0 < 10.0 < wait["fifo"]


def test_weights_divide_a_full_pool(pool: MakePool) -> None:
    """Two tenants that always wait, weights 3 and 1: GPU-seconds while both do are as 3 to 1."""
    tenant = np.repeat([0, 1], 2000).astype(np.int32)
    rng = np.random.default_rng(3)
    jobs = JobTable.build(np.zeros(4000), np.ones(4000, np.int32), rng.exponential(1.0, 4000), tenants=("a", "b"), tenant=tenant)
    records = simulate(jobs, [pool(1, 8)], queue=QueueTerms("fair-share", weights={"a": 3.0}))
    until = 150.0
    had = [float(np.clip(np.minimum(records.end_s, until) - records.start_s, 0, None)[jobs.tenant == one].sum()) for one in (0, 1)]
    assert had[0] / had[1] == pytest.approx(3.0, rel=0.05)


def test_usage_decays_by_half_in_a_half_life() -> None:
    """8 GPUs for 100 s, then nothing: after one half-life half is left, after two a quarter."""
    jobs = JobTable.build(np.zeros(1), np.array([8]), np.array([100.0]))
    clock = Clock()
    usage = TenantUsage(jobs, clock, np.zeros(1), half_life_s=1000.0)
    usage.began(0)
    clock._now = 100.0
    usage.ended(0)
    full = usage.had_gpu_s(0)
    assert 0.95 * 800 < full < 800
    clock._now = 1100.0
    assert usage.had_gpu_s(0) == pytest.approx(full / 2)
    clock._now = 2100.0
    assert usage.had_gpu_s(0) == pytest.approx(full / 4)


@pytest.mark.parametrize("half_life", [np.inf, 50.0])
def test_usage_counts_from_the_start_and_not_from_when_the_nodes_were_asked_for(half_life: float) -> None:
    """Two runs given GPUs at 0 s that start at 100 and 150 s, another from 120 s on, and one cut short before it started: as if
    somebody had told of each start as it came, whether asked in between or not."""
    jobs = JobTable.build(np.zeros(4), np.array([8, 4, 2, 16]), np.ones(4))
    start = np.array([100.0, 150.0, 120.0, 300.0])

    def usage_at(told: list[tuple[float, str, int]], times: list[float]) -> list[float]:
        clock, had = Clock(), []
        usage = TenantUsage(jobs, clock, start if told[0][0] == 0.0 else np.zeros(4), half_life)
        for time, what, job in sorted([*told, *((time, "look", 0) for time in times)]):
            clock._now = time
            if what == "look":
                had.append(usage.had_gpu_s(0))
            else:
                getattr(usage, what)(job)
        return had

    asked = [(0.0, "began", 0), (0.0, "began", 1), (0.0, "began", 3), (120.0, "began", 2), (130.0, "ended", 3)]
    started = [(100.0, "began", 0), (120.0, "began", 2), (150.0, "began", 1)]
    ends = [(200.0, "ended", 0), (230.0, "ended", 1)]
    for times in ([400.0], [50.0, 100.0, 110.0, 140.0, 149.0, 160.0, 210.0, 400.0]):
        assert usage_at(asked + ends, times) == pytest.approx(usage_at(started + ends, times), rel=1e-12)


def test_a_tenant_whose_nodes_have_not_come_has_had_nothing(pool: MakePool) -> None:
    """On demand, `a` asked for 16 GPUs that come after 100 s; `b` had 8 for 10 s. Of those that wait for the one node, `a` goes first."""
    jobs = JobTable.build(
        np.array([0.0, 0.0, 1.0, 2.0]), np.array([16, 8, 8, 8], np.int32), np.array([50.0, 10.0, 20.0, 20.0]),
        tenants=("a", "b"), tenant=np.array([0, 1, 1, 0], np.int32),
    )  # fmt: skip
    cold = pool(2, 8, keep_warm_s=0.0, draw_delay=lambda: 100.0, mean_delay_s=100.0)
    records = simulate(jobs, [cold, pool(1, 8)], queue=QueueTerms("fair-share"), routing=RoutingTerms(preferred=(1, 0)))
    assert records.pool.tolist() == [0, 1, 1, 1]
    assert records.start_s.tolist() == [100.0, 0.0, 30.0, 10.0]


def test_service_is_attained_from_the_start_and_not_while_nodes_are_asked_for() -> None:
    """Cut 10 s after it started on nodes that took 100 s to come, a job has had 80 GPU-seconds, and goes ahead of one with 160."""
    jobs = JobTable.build(np.zeros(2), np.array([8, 8]), np.array([500.0, 500.0]))
    clock, start = Clock(), np.array([100.0, 90.0])
    queue = ORDERINGS["las"](Queueing(jobs, clock, lambda _: 500.0, start, TenantUsage(jobs, clock, start)))
    assert isinstance(queue, Observer)
    for at, job in ((0.0, 0), (90.0, 1)):
        clock._now = at
        queue.began(job)
    clock._now = 110.0
    for job in (1, 0):
        queue.ended(job)
        queue.push(job)
    assert [queue.pop(), queue.pop()] == [0, 1]
