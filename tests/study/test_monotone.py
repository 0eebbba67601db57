"""When a size may be bisected for: only where more nodes make nothing wait longer, which holds on every path of jobs or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.simulation import simulate
from sim.scenario.document import Document
from sim.scenario.loading import validate
from sim.study.monotone import monotone
from sim.study.optimise import optimise, prepare_optimisation
from sim.study.preparation import prepare
from sim.study.runner import Runner

NODES = "providers.small.pools.s.nodes"
Row = tuple[float, int, float]
ROWS = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8), st.integers(1, 9)), min_size=1, max_size=30)
SCATTERED: list[Row] = [  # (arrival, GPUs, duration): three long ones of a GPU each, and much that is short, before a gang of a whole node
    (0.0, 7, 5.0), (0.0, 1, 5.0), (0.0, 7, 1.0), (0.0, 1, 100.0), (0.0, 7, 3.0), (0.0, 1, 100.0), (5.5, 7, 1.0), (5.5, 7, 1.0),
    (5.5, 1, 1.0), (5.5, 1, 100.0), (10.0, 8, 1.0),
]  # fmt: skip


def starts(rows: list[Row], plan: PoolPlan) -> np.ndarray[Any, Any]:
    arrival, gpus, seconds = (np.array(column) for column in zip(*sorted(rows, key=lambda row: row[0]), strict=True))
    return simulate(JobTable.build(arrival.astype(np.float64), gpus.astype(np.int32), seconds.astype(np.float64)), [plan]).start_s


def asked(folder: Path, rows: list[Row], over: dict[str, Any] | None = None, **pool: Any) -> Document:
    """A trace, and how many nodes its pool should have; `over` overrides keys."""
    lines = ["submit_s,gpus,duration_s", *(",".join(map(str, row)) for row in rows)]
    path = folder / f"{len(rows)}-jobs.csv"  # traces are read once by their path
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = {"gpu": "h100-sxm", "nodes": 1, "gpus-per-node": 1, "offer": {"owned": "1 USD/GPU/h"}} | pool
    work = {"kind": "trace", "format": "csv", "path": str(path), "target": {"wait": {"max": "30 min"}}}
    data = {
        "name": "size", "horizon": "30 h", "replications": 2, "workloads": {"w": work}, "providers": {"small": {"pools": {"s": words}}},
        "study": {"optimise": {"over": {NODES: [1, 2, 3]}, "confirm": 2}},
    }  # fmt: skip
    document = Document(data, "size.yaml", folder)
    for key, value in (over or {}).items():
        document = document.override(key, value)
    return document


def sure(document: Document) -> bool:
    words = validate(document).study.optimise
    assert words is not None
    return monotone(words, prepare(document))


@settings(max_examples=200, deadline=None)
@given(rows=ROWS, nodes=st.integers(1, 4), shape=st.sampled_from(["spread", "single", "whole", "alike"]))
def test_no_job_starts_later_on_more_nodes(pool: Callable[..., PoolPlan], rows: list[Row], nodes: int, shape: str) -> None:
    """In order, one pool, and none scattered: the starts of each job, on as many nodes and on one more."""
    size = {"spread": 4, "single": 1, "whole": 2, "alike": 4}[shape]
    fitted = {"spread": lambda gpus: min(gpus, 4 * nodes), "single": lambda gpus: min(gpus, nodes), "alike": lambda _: 3}
    fitted["whole"] = lambda gpus: min(max(gpus, 2), 2 * nodes)
    jobs = [(arrival, fitted[shape](gpus), seconds) for arrival, gpus, seconds in rows]
    placement = "spread" if shape == "spread" else "pack"
    fewer, more = (starts(jobs, pool(count, size, placement)) for count in (nodes, nodes + 1))
    assert (more <= fewer).all()


def test_gangs_of_several_sizes_may_wait_longer_on_more_nodes(pool: Callable[..., PoolPlan], tmp_path: Path) -> None:
    """On three nodes the long jobs of a GPU each lie on all of them when one comes that needs a whole node; on two they share one."""
    assert starts(SCATTERED, pool(2, 8))[-1] == 10.0
    assert starts(SCATTERED, pool(3, 8))[-1] == 100.0
    assert not sure(asked(tmp_path, SCATTERED, **{"gpus-per-node": 8}))
    assert sure(asked(tmp_path, SCATTERED, **{"gpus-per-node": 8, "placement": "spread"}))
    assert sure(asked(tmp_path, [(0.0, 8, 5.0), (0.0, 16, 5.0)], **{"gpus-per-node": 8}))


@pytest.mark.parametrize(
    "over",
    [
        {"policy": {"queue": {"backfill": "easy"}}},
        {"policy": {"queue": {"order": "sjf"}}},
        {"policy": {"queue": {"order": "priority"}, "preemption": {}}},
        {"providers.small.pools.s.failures": {}},
        {"providers.small.pools.s.offer": {"on-demand": "1 USD/GPU/h"}},
        {"providers.other": {"pools": {"o": {"gpu": "h100-sxm", "nodes": 1, "gpus-per-node": 1, "offer": {"owned": "1 USD/GPU/h"}}}}},
        {"until": {"figure": "wait.mean", "within": "5%", "at-most": 10}},
        {"providers.small.pools.s.power": {"price": {"0 h": "1 USD/kWh", "2 h": "0.02 USD/kWh"}}},
        {"study.optimise.over": {NODES: [3, 2, 1]}},
        {"study.optimise.over": {"providers.small.pools.s.gpus-per-node": [1, 2, 3]}},
    ],
)
def test_whatever_may_make_a_larger_pool_worse_or_free_is_not_bisected(tmp_path: Path, over: dict[str, Any]) -> None:
    rows = [(0.0, 1, 5.0)]
    assert sure(asked(tmp_path, rows))
    assert not sure(asked(tmp_path, rows, over))


def test_only_electricity_of_one_price_is_sure_to_cost_more_on_more_nodes(tmp_path: Path) -> None:
    """Said of the provider, whose pools then need not say it: the same always, or by the hour of a file."""
    prices = tmp_path / "prices.csv"
    prices.write_text("time,usd_per_kwh\n0,0.1\n3600,0.2\n", encoding="utf-8")
    assert sure(asked(tmp_path, [(0.0, 1, 5.0)], {"providers.small.power": {"price": "0.1 USD/kWh"}}))
    assert not sure(asked(tmp_path, [(0.0, 1, 5.0)], {"providers.small.power": {"price": {"trace": str(prices)}}}))


def test_a_larger_pool_that_is_through_before_electricity_turns_dear_is_the_cheapest(tmp_path: Path) -> None:
    """Three jobs of an hour each at once: three nodes are the fewest that do them all before the price rises."""
    power = {"active": "700 W", "idle": "2 W", "price": {"0 h": "0.02 USD/kWh", "1 h": "1 USD/kWh"}}
    document = asked(
        tmp_path,
        [(0.0, 1, 3600.0)] * 3,
        {"workloads.w.target.wait.max": "9 h", "study.optimise.over": {NODES: [1, 2, 3, 4]}},
        offer={"owned": "0 USD/GPU/h"},
        power=power,
    )
    with Runner(1) as runner:
        answer = optimise(prepare_optimisation(document), runner).optimisation
    assert answer.chosen is not None
    assert answer.plans[answer.chosen].values == {NODES: 3}


def test_nodes_that_draw_work_from_a_larger_pool_are_not_taken_for_better(tmp_path: Path) -> None:
    """Eight jobs fit the large pool; a small one that is preferred takes them all, and until it holds half of them they wait in it."""
    rows = [(3600.0 * hour, 1, 36000.0) for hour in range(8)]
    big = {"pools": {"b": {"gpu": "h100-sxm", "nodes": 8, "gpus-per-node": 1, "offer": {"owned": "1 USD/GPU/h"}}}}
    over = {"providers.big": big, "policy": {"routing": {"prefer": ["small", "big"], "overflow-when": {"expected-wait": "1 d"}}}}
    document = asked(tmp_path, rows, over | {"study.optimise.over": {NODES: list(range(9))}})
    with Runner(1) as runner:
        answer = optimise(prepare_optimisation(document), runner).optimisation
    assert answer.chosen is not None
    assert answer.plans[answer.chosen].values == {NODES: 0}
    assert answer.how == "enumerated in order of least possible cost"
