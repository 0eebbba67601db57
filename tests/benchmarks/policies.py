"""Queue policies beside bare heap loops of the same policies, deep queues, and ten million jobs in a row."""

import resource
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from sim.demand.table import Floats, JobTable
from sim.engine.backfill.room import WINDOW
from sim.engine.queue_terms import QueueTerms
from sim.engine.simulation import simulate
from tests.benchmarks.engine import plan
from tests.benchmarks.heap_loops import easy_loop, fair_share_loop, priority_loop
from tests.benchmarks.rivals import gang_jobs, heap_loop
from tests.benchmarks.turns import best_seconds, say

NODES, SIZE = 128, 8
Loop = Callable[[JobTable, int, int], list[float]]


def run() -> None:
    against_heap_loops()
    deep_queue()
    ten_million()


def against_heap_loops() -> None:
    """20 000 gangs on 128 × 8 GPUs; four priorities and eight tenants."""
    rivals: dict[str, tuple[QueueTerms, Loop, str]] = {
        "fifo": (QueueTerms(), heap_loop, "≥ 0.3"),
        "easy": (QueueTerms(backfill="easy"), partial(easy_loop, window=WINDOW), "≥ 0.3 (> 1 at 0.95)"),
        "priority": (QueueTerms("priority"), priority_loop, "≥ 0.15"),
        "fair-share": (QueueTerms("fair-share"), fair_share_loop, "≥ 0.15"),
    }
    for load in (0.8, 0.95):
        jobs = _with_ranks(gang_jobs(20_000, load))
        for name, (queue, loop, target) in rivals.items():
            calls = (partial(_starts, jobs, queue), partial(loop, jobs, NODES, SIZE))
            ours, bare = best_seconds(calls, 3)
            waits = [float((np.array(call()) - jobs.arrival_s).mean()) for call in calls]
            assert np.isclose(*waits, rtol=0.1, atol=5.0), f"{name}: not the same policy, mean waits {waits}"
            say(f"{name}, load {load}: engine / bare heap loop ({2e4 / ours:,.0f} and {2e4 / bare:,.0f} jobs/s)", bare / ours, target)


def _starts(jobs: JobTable, queue: QueueTerms) -> Floats:
    return simulate(jobs, [plan(NODES, SIZE)], queue=queue).start_s


def _with_ranks(jobs: JobTable) -> JobTable:
    rng = np.random.default_rng(2)
    tenants = tuple(f"t{index}" for index in range(8))
    return replace(
        jobs,
        priority=rng.integers(0, 4, len(jobs)).astype(np.int32),
        tenant=rng.choice(8, len(jobs), p=np.arange(8, 0, -1) / 36).astype(np.int32),
        tenants=tenants,
    )


def deep_queue() -> None:
    """The same 20 000 jobs behind 100 000 that wait already, and behind none."""
    for order in ("fifo", "priority", "sjf", "fair-share"):
        queue = QueueTerms(order)
        shallow, deep = (_jobs_per_s(waiting, queue) for waiting in (0, 100_000))
        say(f"{order}: jobs/s with 100 000 waiting / with an empty queue", deep / shallow, "≥ 0.5")


def _jobs_per_s(waiting: int, queue: QueueTerms) -> float:
    """Single-GPU jobs at load 1 behind `waiting` at time 0; speed over all that end."""
    rng = np.random.default_rng(3)
    count = waiting + 20_000
    arrival = np.concatenate([np.zeros(waiting), np.cumsum(rng.exponential(1 / 1024, 20_000))])
    jobs = _with_ranks(JobTable.build(arrival, np.ones(count, np.int32), rng.exponential(1.0, count)))
    [seconds] = best_seconds([lambda: simulate(jobs, [plan(NODES, SIZE)], queue=queue)], 3)
    return count / seconds


def ten_million() -> None:
    """10 M gangs through one pool, first come, first served."""
    small = gang_jobs(20_000, 0.8)
    [seconds] = best_seconds([lambda: simulate(small, [plan(NODES, SIZE)])], 3)
    large = gang_jobs(10_000_000, 0.8)
    began = time.perf_counter()
    simulate(large, [plan(NODES, SIZE)])
    took = time.perf_counter() - began
    say("jobs per second at 10 M jobs / at 20 000", (1e7 / took) / (2e4 / seconds), "≥ 0.8")
    say("peak memory of this process with 10 M jobs", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "< 2", " GiB")
