"""Studies: what a second core gives, and what a Dask cluster costs beside processes. 64 replications of 100 000 jobs each."""

import tempfile
import time
from pathlib import Path

from sim.scenario.loading import open_document
from sim.study.preparation import prepare
from sim.study.runner import Runner
from sim.study.tasks import Task
from tests.benchmarks.turns import say
from tests.study.drills import cluster

REPLICATIONS = 64
SCENARIO = """\
name: hundred-thousand
horizon: 90 d
workloads:
  merges: {kind: merge, model: llama-3.1-8b, experts: {2: 50%, 8: 50%}, arrivals: {rate: 1112/d}}
providers:
  site: {pools: {a: {gpu: h100-sxm, nodes: 4, offer: {owned: 2 USD/GPU/h}}}}
"""


def run() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
        preparation = prepare(open_document(str(folder / "scenario.yaml")))
        tasks = [Task(preparation, number) for number in range(REPLICATIONS)]

        def seconds(runner: Runner) -> float:
            """From the first replication, run here before anything else is up, to the last: starting workers counts."""
            with runner:
                began = time.perf_counter()
                for _ in runner.replications(tasks):
                    pass
                return time.perf_counter() - began

        one, two = seconds(Runner(1)), seconds(Runner(2))
        with cluster(folder) as (address, _):
            dask = seconds(Runner(cluster=address))
    print(f"{REPLICATIONS} replications of about 100 000 jobs: {one:.1f} s here, {two:.1f} s over 2 processes, {dask:.1f} s over Dask")
    say("2 processes / 1, speed", one / two, "≥ 1.8")
    say("Dask cluster of 2 workers / 2 processes, time", dask / two, "≤ 1.10")
