"""Other simulators on the same jobs, side by side (``make bench-peers``): each runs in the peers' own environment, for its own model."""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sim.demand.table import JobTable
from sim.engine.queue_terms import QueueTerms
from sim.engine.simulation import simulate
from tests.benchmarks.engine import plan
from tests.benchmarks.rivals import gang_jobs, simpy_resource, single_jobs

PEERS = Path(".venv-peers/bin/python")
MODELS = Path(__file__).with_name("peer_models")


def run() -> None:
    if not PEERS.exists():
        raise SystemExit("the peers are not installed; 'make bench-peers' does that")
    print(f"{'simulator':28}{'jobs':>8}{'jobs/s':>12}{'mean wait':>12}  model")
    for servers, count in ((8, 50_000), (1024, 20_000)):
        jobs = single_jobs(count, servers, 0.9)
        model = f"M/M/{servers}, load 0.9"
        _ours("Leadtime", jobs, servers, 1, QueueTerms(), model)
        _row("SimPy Resource", len(jobs), *_timed(lambda jobs=jobs, servers=servers: simpy_resource(jobs, servers)), model)  # type: ignore[misc]
        _peer("Ciw", "ciw_servers.py", jobs, servers, 1, model)
    for load in (0.8, 0.95):
        jobs = gang_jobs(20_000, load)
        model = f"gangs on 128 × 8 GPUs, load {load}"
        _ours("Leadtime FIFO", jobs, 128, 8, QueueTerms(), model)
        _ours("Leadtime EASY", jobs, 128, 8, QueueTerms(backfill="easy"), model)
        _peer("AccaSim FIFO, first fit", "accasim_gangs.py", jobs, 128, 8, model)
    print("AccaSim's EASY is left out: it passes an empty list of reservations, so that large gangs starve.")


def _timed(call: Callable[[], float]) -> tuple[float, float]:
    began = time.perf_counter()
    wait = call()
    return time.perf_counter() - began, wait


def _ours(name: str, jobs: JobTable, nodes: int, size: int, queue: QueueTerms, model: str) -> None:
    def mean_wait() -> float:
        return float((simulate(jobs, [plan(nodes, size)], queue=queue).start_s - jobs.arrival_s).mean())

    _row(name, len(jobs), *_timed(mean_wait), model)


def _peer(name: str, script: str, jobs: JobTable, nodes: int, size: int, model: str) -> None:
    columns = {"arrival_s": jobs.arrival_s, "duration_s": jobs.duration_s[0], "gpus": jobs.gpus}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.npz"
        np.savez(file, **columns, gpus_per_node=size, gpus_in_all=nodes * size)  # type: ignore[arg-type]
        command = [str(PEERS.absolute()), str(MODELS / script), str(file)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        print(f"{name:28} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        return
    said = json.loads(done.stdout.strip().splitlines()[-1])
    _row(name, said["jobs"], said["seconds"], said.get("mean_wait_s"), model)


def _row(name: str, jobs: int, seconds: float, wait: float | None, model: str) -> None:
    print(f"{name:28}{jobs:8,}{jobs / seconds:12,.0f}{'–' if wait is None else f'{wait:.4g} s':>12}  {model}", flush=True)
