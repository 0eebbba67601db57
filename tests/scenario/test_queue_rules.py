"""An order with nothing to order by is refused, and so is making room for nobody, or for oneself; each with what would do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.scenario.queueing import ORDERINGS, PREEMPTIONS
from sim.study.preparation import prepare
from sim.study.replication import replicate


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"queue": {"order": "edf"}}, "no workload has a deadline; add 'deadline: 24 h' to one"),
        ({"queue": {"order": "fifo", "fair-share": {}}}, "found fair-share beside 'order: fifo', which does not read it"),
        ({"queue": {"order": "fair-share", "fair-share": {"weights": {"merge": 2}}}}, r"is no workload's tenant; did you mean 'merges'\?"),
        ({"queue": {"backfill": "eazy"}}, r"found 'eazy'; did you mean 'easy'\?"),
        ({"queue": {"backfill": "lots"}}, "found 'lots'; one of 'none', 'easy' or 'conservative' would do"),
        ({"preemption": {"policy": "priority"}}, "all workloads have the same; give some a higher 'priority'"),
        ({"preemption": {"policy": "workloads"}}, "of and by go together"),
        ({"preemption": {"policy": "workloads", "of": ["merges"], "by": ["merges"]}}, "found merges in 'of' too"),
        ({"preemption": {"policy": "workloads", "of": ["merge"], "by": ["tunes"]}}, r"found 'merge', which is no workload; did you mean"),
        ({"preemption": {"policy": "attained-service", "quantum": 3}}, "takes GPU-h, as in '20 GPU-h'"),
        ({"preemption": {"at-most": 0}}, "how often a job makes room is a whole number, 1 or more"),
    ],
)
def test_a_queue_policy_that_could_not_work_is_refused(small: Path, policy: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        validate(open_document(str(small)).override("policy", policy))
    assert all(problem.where for problem in caught.value.problems)


def test_spread_pools_cannot_make_room(small: Path) -> None:
    document = open_document(str(small)).override("providers.first.pools.a.placement", "spread")
    document = document.override("workloads.tunes.priority", 1).override("policy", {"preemption": {}})
    with pytest.raises(InputError, match="found spread beside preemption"):
        validate(document)


@pytest.mark.parametrize("order", ORDERINGS)
@pytest.mark.parametrize("preemption", [None, *PREEMPTIONS])
def test_every_name_of_the_words_is_one_of_the_engines(small: Path, order: str, preemption: str | None) -> None:
    """Each ordering with each preemption runs a scenario to its end, backfilled, with estimates that are off."""
    document = open_document(str(small)).override("horizon", "2 d").override("workloads.tunes.deadline", "3 h")
    document = document.override("workloads.tunes.priority", 1).override("workloads.merges.estimate", {"median": 2, "p95": 5})
    words = {"policy": preemption} | ({"of": ["merges"], "by": ["tunes"]} if preemption == "workloads" else {})
    policy = {"queue": {"order": order, "backfill": "easy"}} | ({"preemption": words} if preemption else {})
    figures = replicate(prepare(document.override("policy", policy)), 0).figures
    assert np.isfinite(figures["wait.mean"])


def test_estimates_do_not_move_the_demand(small: Path) -> None:
    """Users who guess leave arrivals and durations as they were: only who goes first changes."""
    exact = open_document(str(small)).override("horizon", "3 d")
    guessed = exact.override("workloads.tunes.estimate", {"median": 2, "p95": 5})
    tables = [replicate(prepare(document), 0).history["jobs"] for document in (exact, guessed)]
    assert len(tables[0]) > 100
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize("estimate", [0, -1, {"median": 3, "p95": 2}, "2 h"])
def test_an_estimate_is_a_factor(small: Path, estimate: object) -> None:
    with pytest.raises(InputError, match="an estimate is a factor of the true run time above 0"):
        validate(open_document(str(small)).override("workloads.tunes.estimate", estimate))
