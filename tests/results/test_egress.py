"""Moving data costs what the links say: on a line of its own, to the cent, and in every sum."""

from pathlib import Path

import pytest

from sim.cost.models import model_shape
from sim.scenario.loading import open_document
from sim.study.preparation import prepare
from sim.study.replication import replicate
from tests.conftest import SMALL

HOMED = {
    "providers.first.network": {"to-others": {"bandwidth": "10 Gb/s", "egress": "0.09 USD/GB"}},
    "providers.second.network": {"to-others": {"bandwidth": "40 Gb/s"}},
    "workloads.merges.data": {"home": "first"},
    "workloads.tunes.data": {"home": "first.a", "size": "50 GB"},
    "policy.routing.overflow-when.expected-wait": "0 s",
    "replications": 1,
    "horizon": "40 d",
    "workloads.merges.arrivals.rate": "600/d",
}


@pytest.fixture
def homed(small: Path) -> Path:
    assert small.read_text() == SMALL
    return small


def test_egress_is_paid_by_the_gb_and_adds_up(homed: Path) -> None:
    """GB moved × 0.09 USD, by month, under FOCUS's names; the total is the sum of its parts."""
    document = open_document(str(homed))
    for key, value in HOMED.items():
        document = document.override(key, value)
    one = replicate(prepare(document), 0)
    jobs, figures = one.history["jobs"], one.figures
    moved = one.billing[one.billing["ServiceCategory"] == "Networking"]
    assert set(moved["ChargePeriodStart"].dt.strftime("%m-%d")) == {"01-01", "01-31"}
    assert set(moved["ConsumedUnit"]) == {"GB"}
    assert set(moved["ProviderName"]) == {"first"}
    assert round(moved["EffectiveCost"].sum(), 2) == round(figures["transfers.gb"] * 0.09, 2)
    assert (moved["ConsumedQuantity"] * 0.09).tolist() == pytest.approx(moved["ListCost"].tolist())
    assert figures["cost.egress_usd"] == pytest.approx(moved["EffectiveCost"].sum())
    assert figures["cost.usd"] == pytest.approx(one.billing["EffectiveCost"].sum())
    for prefix in ("provider.", "pool."):
        parts = sum(value for name, value in figures.items() if name.startswith(prefix) and name.endswith("cost_usd"))
        assert parts == pytest.approx(figures["cost.usd"])
    away = jobs[(jobs["pool"] == "second.b") & (jobs["arrival_s"] < one.horizon_s)]
    tunes = (away["workload"] == "tunes").sum()
    assert tunes > 0
    assert moved.loc[moved["x_Workload"] == "tunes", "ConsumedQuantity"].sum() == pytest.approx(50 * tunes)
    assert figures["transfers"] == len(away)


def test_a_merge_reads_its_experts_and_a_checkpoint_holds_the_optimiser(homed: Path) -> None:
    """Default sizes: k · P · 2 bytes for a linear merge, P · (2 + 12) for a training, P · 2 for an evaluation."""
    document = open_document(str(homed)).override("workloads.merges.data", {"home": "first"}).override("providers.second", None)
    document = document.override("workloads.tunes.data", {"home": "first"}).override("policy", None)
    work = {"kind": "evaluation", "model": "llama-3.2-1b", "tokens": "10M", "arrivals": {"rate": "9/d"}, "data": {"home": "first"}}
    preparation = prepare(document.override("workloads.scores", work))
    from sim.demand.jobs import draw_jobs

    table = draw_jobs(preparation.scenario, preparation.costs(0), 0).table
    eight, one = model_shape("llama-3.1-8b").parameters, model_shape("llama-3.2-1b").parameters
    found = [set(table.data_bytes[table.workload == index].tolist()) for index in range(3)]
    assert found == [{2 * 2.0 * eight, 8 * 2.0 * eight}, {14.0 * one}, {2.0 * one}]


def test_oversubscription_slows_gangs_that_span_nodes(homed: Path) -> None:
    """Four to one between nodes: sixteen GPUs train slower, eight do not."""
    document = open_document(str(homed)).override("workloads.tunes.gpus", {8: "50%", 16: "50%"}).override("providers.second", None)
    document = document.override("policy", None).override("providers.first.pools.a.nodes", 4)
    seconds = {}
    for ratio in (1, 4):
        costs = prepare(document.override("providers.first.pools.a.network", {"oversubscription": ratio}))
        work = costs.scenario.workloads["tunes"]
        for gpus in (8, 16):
            seconds[ratio, gpus] = costs.costs(0).training_seconds_per_token(work, gpus, costs.node_types[0])  # type: ignore[arg-type]
    assert seconds[4, 8] == seconds[1, 8]
    assert seconds[4, 16] > seconds[1, 16]
