"""Elastic training that could not work is refused with what would do; what can, runs from YAML to a ledger that adds up."""

from pathlib import Path
from typing import Any

import pytest

from sim.results.ledger import UNUSED
from sim.scenario.elastic_training import ElasticTraining
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.study.preparation import prepare
from sim.study.replication import replicate

TUNES = "workloads.tunes."
GOOD = {"min": 1, "max": 8}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({TUNES + "elastic": GOOD}, "jobs resize at checkpoints, which these do not write; add 'checkpoint: 30 min'"),
        ({TUNES + "elastic": {"min": 16, "max": 4}}, "found 4, under the min of 16; swap them"),
        ({TUNES + "elastic": {"min": 2, "max": 4}}, "found 2 to 4 GPUs, and jobs that ask for 1 and 8; widen it, or change 'gpus'"),
        ({TUNES + "elastic": {"min": 5, "max": 9}, TUNES + "gpus": 8}, "no number of 'gpus' doubled or halved lies; widen it"),
        ({TUNES + "elastic": {"min": 0, "max": 9}}, "the least number of GPUs is a whole number, 1 or more"),
        ({TUNES + "elastic": {"max": 9}}, "min"),
        ({TUNES + "elastic": GOOD, "policy.queue": {"backfill": "conservative"}}, "conservative beside elastic tunes, whose resizes break"),
        ({TUNES + "elastic": GOOD, "providers.first.pools.a.placement": "spread"}, "found spread beside elastic training"),
    ],
)
def test_what_could_not_resize_is_refused(small: Path, words: dict[str, Any], says: str) -> None:
    document = open_document(str(small))
    for key, value in words.items():
        document = document.override(key, value)
    with pytest.raises(InputError, match=says) as caught:
        validate(document)
    assert all(problem.where for problem in caught.value.problems)


def test_sizes_are_the_number_asked_for_doubled_and_halved() -> None:
    assert ElasticTraining(min=2, max=40).sizes(8) == (2, 4, 8, 16, 32)
    assert ElasticTraining(min=1, max=12).sizes(12) == (3, 6, 12)


@pytest.mark.parametrize("order", ["fifo", "priority", "sjf", "fair-share", "las"])
def test_the_ledger_adds_up_to_what_was_paid_and_used(small: Path, order: str) -> None:
    """From YAML: jobs resize, every GPU-hour paid is on one line, and workloads' lines are the GPU-hours that their runs had."""
    document = open_document(str(small)).override("policy.queue", {"order": order}).override(TUNES + "checkpoint", "5 min")
    one = replicate(prepare(document.override(TUNES + "elastic", GOOD)), 0)
    figures, billing = one.figures, one.billing
    assert figures["resizes"] > 0
    assert figures["interruptions"] == 0
    compute = billing[billing["ConsumedUnit"] == "GPU-Hours"]
    assert compute["ConsumedQuantity"].sum() == pytest.approx(figures["gpu_hours.paid"])
    used = compute[compute["x_Workload"] != UNUSED]["ConsumedQuantity"].sum()
    assert used == pytest.approx(figures["gpu_hours.used"])
    assert billing["EffectiveCost"].sum() == pytest.approx(figures["cost.usd"])
    assert set(one.history["attempts"]["gpus"]) <= {1, 2, 4, 8}
