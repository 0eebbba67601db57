"""Lower bounds are lower: no plan that meets its targets in simulation is ever ruled out, whatever its load, policy, sizes and prices."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.scenario.document import Document
from sim.study.bounds import Bounds, limits_of
from sim.study.preparation import prepare
from sim.study.replication import replicate

SCENARIO: dict[str, Any] = {
    "name": "bounded",
    "horizon": "3 d",
    "warmup": "6 h",
    "replications": 2,
    "workloads": {
        "small": {
            "kind": "training", "model": "llama-3.2-1b", "tokens": {"mean": "60M"}, "arrivals": {"rate": "60/d"},
            "target": {"wait": {"mean": "10 min", "p50": "10 min", "p95": "1 h", "max": "2 h"}},
        },
        "large": {
            "kind": "training", "model": "llama-3.2-1b", "tokens": {"median": "100M", "p95": "900M"}, "gpus": {1: "50%", 4: "50%"},
            "arrivals": {"rate": "20/d"}, "target": {"wait": {"p99": "3 h"}},
        },
        "rest": {"kind": "merge", "model": "llama-3.1-8b", "arrivals": {"rate": "40/d"}},
    },
    "providers": {
        "a": {"pools": {"x": {"gpu": "h100-sxm", "nodes": 1, "gpus-per-node": 4, "offer": {"owned": "2 USD/GPU/h"}}}},
        "b": {"pools": {"y": {"gpu": "a100-sxm-80gb", "nodes": 1, "gpus-per-node": 4, "provisioning": "5 min",
                              "offer": {"on-demand": "1 USD/GPU/h"}}}},
    },
}  # fmt: skip


def scenario(**overrides: object) -> Document:
    document = Document(SCENARIO, "bounded.yaml", Path())
    for key, value in overrides.items():
        document = document.override(key.replace("__", "."), value)
    return document


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rate=st.integers(10, 4000),
    own=st.integers(0, 3),
    rented=st.integers(1, 2),
    order=st.sampled_from(["fifo", "priority"]),
    policy=st.sampled_from(["prefer", "earliest-start", "random"]),
    seed=st.integers(0, 50),
    batch=st.sampled_from([1, 5]),
)
def test_simulated_waits_and_costs_are_never_under_the_bound(
    rate: int, own: int, rented: int, order: str, policy: str, seed: int, batch: int
) -> None:
    """Each figure's mean over the replications, from near idle to many times overloaded."""
    document = scenario(
        workloads__small__arrivals={"rate": f"{rate}/d", "batch": batch}, providers__a__pools__x__nodes=own, seed=seed,
        providers__b__pools__y__nodes=rented, policy={"queue": {"order": order}, "routing": {"policy": policy}},
    )  # fmt: skip
    preparation = prepare(document)
    least = Bounds().of(preparation)
    found = [replicate(preparation, number).figures for number in range(2)]
    means = {name: sum(one[name] for one in found) / 2 for name in (*least.waits, "cost.usd")}
    assert set(least.waits) == set(limits_of(preparation.scenario))
    for name, bound in least.waits.items():
        assert bound <= means[name] * (1 + 1e-9) + 1e-6
    assert least.cost_usd <= means["cost.usd"] * (1 + 1e-9)
    assert least.together <= sum(means[name] for name in least.waits if not name.endswith("mean")) * (1 + 1e-9) + 1e-6


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rate=st.integers(10, 4000), nodes=st.integers(1, 4), seed=st.integers(0, 50), batch=st.sampled_from([1, 5]))
def test_first_come_first_served_waits_are_never_under_their_bound(rate: int, nodes: int, seed: int, batch: int) -> None:
    """One strict pool, where each job's own wait is bounded."""
    document = scenario(
        workloads__small__arrivals={"rate": f"{rate}/d", "batch": batch}, providers__a__pools__x__nodes=nodes, seed=seed, providers__b=None
    )
    preparation = prepare(document)
    least = Bounds().of(preparation)
    found = [replicate(preparation, number).figures for number in range(2)]
    for name, bound in least.waits.items():
        assert bound <= sum(one[name] for one in found) / 2 * (1 + 1e-9) + 1e-6


def test_the_bound_of_an_overloaded_queue_is_most_of_its_wait() -> None:
    """First come, first served at three times the load it can take: hardly anything is left to chance."""
    preparation = prepare(scenario(workloads__small__arrivals__rate="1200/d", providers__b=None))
    least, found = Bounds().of(preparation), [replicate(preparation, number).figures for number in range(2)]
    for name, bound in least.waits.items():
        assert bound > 0.8 * sum(one[name] for one in found) / 2


def test_an_overloaded_plan_is_hopeless_and_owned_nodes_cost_what_they_cost() -> None:
    """Several times more work than the GPUs can do in the horizon: the bound sees hours of wait."""
    full = Bounds().of(prepare(scenario(workloads__small__arrivals__rate="2000/d", providers__b=None)))
    assert full.waits["workload.small.wait.p95"] > 3600
    assert full.waits["workload.small.wait.mean"] > 600
    assert full.cost_usd == pytest.approx(1 * 4 * 2.0 * 72)


@pytest.mark.parametrize(
    "change",
    [
        {"providers__a__pools__x__failures": {}},
        {"policy": {"admission": {"reject-when": {"waiting-jobs": 3}}}},
        {"providers__a__pools__x__expiries": [{"nodes": 1, "after": "1 d"}], "providers__a__pools__x__nodes": 2},
    ],
)
def test_where_runs_may_be_cut_short_nothing_is_ruled_out(change: dict[str, object]) -> None:
    """The bound holds for jobs that run once and whole; of others it says nothing."""
    least = Bounds().of(prepare(scenario(workloads__small__arrivals__rate="2000/d", **change)))
    assert set(least.waits.values()) == {0.0}
    assert least.together == 0.0
