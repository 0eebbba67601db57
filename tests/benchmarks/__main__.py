"""Print the engine's speed beside its rivals'. Each pair is run in turns and the best of the turns compared; targets stand beside."""

import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.simulation import simulate
from tests.benchmarks.rivals import gang_jobs, heap_loop, process_a_job, simpy_resource, single_jobs

TURNS = 5


def plan(nodes: int, size: int, placement: str = "pack") -> PoolPlan:
    return PoolPlan("p", "x", 0, nodes, size, placement, None, lambda: 0.0, 0.0)


def best_seconds(calls: Sequence[Callable[[], object]]) -> list[float]:
    """The shortest of several turns of each call, taken in turns."""
    best = [float("inf")] * len(calls)
    for _ in range(TURNS):
        for index, call in enumerate(calls):
            began = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - began)
    return best


def say(what: str, found: float, target: str, unit: str = "") -> None:
    print(f"{what:72} {found:10.3g}{unit:5} target {target}")


def engine_against_rivals() -> None:
    jobs, supply = gang_jobs(20_000, 0.8), [plan(128, 8)]
    ours, heap, processes = best_seconds(
        [lambda: simulate(jobs, supply), lambda: heap_loop(jobs, 128, 8), lambda: process_a_job(jobs, 1024)]
    )
    starts = np.array(heap_loop(jobs, 128, 8))
    assert np.allclose(starts.mean(), simulate(jobs, supply).start_s.mean(), rtol=0.01), "the heap loop is not the same model"
    each = {"engine": ours, "heap loop": heap, "process a job": processes}
    speeds = ", ".join(f"{name} {2e4 / seconds:,.0f}" for name, seconds in each.items())
    print(f"20 000 gangs, 128 × 8 GPUs, load 0.8; jobs per second: {speeds}")
    say("engine / bare heap loop, jobs per second", heap / ours, "≥ 0.25")
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


def whole_commands() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for arguments, target in ((["--help"], "< 0.3"), (["run", "second-source"], "< 10")):
            times = []
            for _ in range(3):
                began = time.perf_counter()
                subprocess.run([sys.executable, "-m", "sim.cli", *arguments], cwd=folder, check=True, capture_output=True)
                times.append(time.perf_counter() - began)
            say(f"leadtime {' '.join(arguments)}, median of 3", sorted(times)[1], target, " s")


if __name__ == "__main__":
    engine_against_rivals()
    flat_to_a_million()
    whole_commands()
