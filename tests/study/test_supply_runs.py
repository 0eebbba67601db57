"""Whole runs with every kind of supply: the same in any process, and the billing table adds up to the figures to the cent."""

from pathlib import Path

import pytest

from sim.scenario.document import Document, parse_set
from sim.scenario.loading import open_document
from sim.study.run import run_plan
from sim.study.runner import Runner

SUPPLY = (
    "providers.second.pools.b.offer={spot: {0 d: 1.40 USD/GPU/h, 4 d: 1.10 USD/GPU/h}, reclaim: {mtbf: 5 h, notice: 30 s}}",
    "providers.second.pools.c={gpu: h100-sxm, nodes: 1, offer: {on-demand: 3 USD/GPU/h, minimum: 10 min}}",
    "providers.second.pools.d={gpu: h100-sxm, nodes: 1, offer: {on-demand: 3.2 USD/GPU/h}, provisioning: 5 min}",
    "providers.second.pools.e={gpu: h100-sxm, nodes: 1, offer: {block: 2 USD/GPU/h, windows: [{start: 2 d, end: 4 d}]}}",
    "providers.second.quotas={on-demand: 8}",
    "providers.second.power={carbon: 0.4 kg/kWh}",
    "workloads.tunes.checkpoint=10 min",
)


@pytest.fixture
def every_offer(small: Path) -> Document:
    document = open_document(str(small))
    for written in SUPPLY:
        document = document.override(*parse_set(written))
    return document


def test_runs_with_every_offer_are_the_same_in_any_process_and_add_up(every_offer: Document) -> None:
    """One worker or two: the same figures. By replication, the billed rows are the cost, the energy and the tonnes that figures say."""
    run = run_plan(every_offer, runner=Runner(1))
    with Runner(2) as two:
        again = run_plan(every_offer, runner=two)
    assert again.summary.figures == run.summary.figures
    figures, billing = run.summary.figures, run.tables["billing"]
    assert billing.equals(again.tables["billing"])
    for replication, rows in billing.groupby("x_Replication"):
        number = int(str(replication))
        for figure, column in (("cost.usd", "EffectiveCost"), ("cost.billed_usd", "BilledCost")):
            assert rows[column].sum() == pytest.approx(figures[figure].values[number], abs=0.005)
        energy = rows[rows["ConsumedUnit"] == "kWh"]
        assert energy["ConsumedQuantity"].sum() == pytest.approx(figures["energy.kwh"].values[number])
        assert rows["x_CarbonKg"].sum() / 1e3 == pytest.approx(figures["carbon.tonnes"].values[number])
        hours = rows[rows["ConsumedUnit"] == "GPU-Hours"]["ConsumedQuantity"].sum()
        assert hours == pytest.approx(figures["gpu_hours.paid"].values[number])
    assert {"spot", "on-demand", "block", "reserved", "power"} == set(billing["x_Offer"])
    assert (figures["interruptions.reclaim"].mean or 0.0) > 0
