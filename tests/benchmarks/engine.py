"""The engine's speed beside its rivals', and that it stays flat to a million jobs."""

import time
import tracemalloc

import numpy as np

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.simulation import simulate
from tests.benchmarks.rivals import gang_jobs, heap_loop, process_a_job, simpy_resource, single_jobs
from tests.benchmarks.turns import TURNS, best_seconds, say


def run() -> None:
    against_rivals()
    flat_to_a_million()


def plan(nodes: int, size: int, placement: str = "pack") -> PoolPlan:
    return PoolPlan("p", "x", 0, nodes, size, placement, None, lambda: 0.0, 0.0)


def against_rivals() -> None:
    jobs, supply = gang_jobs(20_000, 0.8), [plan(128, 8)]
    ours, heap, processes = best_seconds(
        [lambda: simulate(jobs, supply), lambda: heap_loop(jobs, 128, 8), lambda: process_a_job(jobs, 1024)]
    )
    starts = np.array(heap_loop(jobs, 128, 8))
    assert np.allclose(starts.mean(), simulate(jobs, supply).start_s.mean(), rtol=0.01), "the heap loop is not the same model"
    each = {"engine": ours, "heap loop": heap, "process a job": processes}
    speeds = ", ".join(f"{name} {2e4 / seconds:,.0f}" for name, seconds in each.items())
    print(f"20 000 gangs, 128 × 8 GPUs, load 0.8; jobs per second: {speeds}")
    say("engine / bare heap loop, jobs per second", heap / ours, "≥ 0.3")
    say("engine / one SimPy process a job, jobs per second", processes / ours, "> 1")
    crowd = single_jobs(50_000, 1024, 0.9)
    ours, resource = best_seconds([lambda: simulate(crowd, [plan(128, 8, "spread")]), lambda: simpy_resource(crowd, 1024)])
    say("engine / simpy.Resource, M/M/1024, jobs per second", resource / ours, "≥ 2")


def flat_to_a_million() -> None:
    small, large = gang_jobs(20_000, 0.8), gang_jobs(1_000_000, 0.8)
    times = [min(_timed(table) for _ in range(turns)) for table, turns in ((small, TURNS), (large, 2))]
    say("jobs per second at 1 M jobs / at 20 000", (1e6 / times[1]) / (2e4 / times[0]), "≥ 0.8")
    tracemalloc.start()
    table = gang_jobs(1_000_000, 0.8)
    tracemalloc.reset_peak()
    simulate(table, [plan(128, 8)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    say("memory: table held, records and events at their peak, per job", peak / 1e6, "≤ 250", " B")


def _timed(table: JobTable) -> float:
    began = time.perf_counter()
    simulate(table, [plan(128, 8)])
    return time.perf_counter() - began
