"""Repeating a plan: until a figure is known well enough, in antithetic pairs, with bootstrap intervals; the same bytes whoever runs it."""

from pathlib import Path

import numpy as np
import pytest

from sim.results.precision import Precision, wanted
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.study.comparison import plan_documents, run_plans
from sim.study.replication import antithetic
from sim.study.run import run_plan
from sim.study.runner import Runner

UNTIL = {"figure": "cost.usd", "within": "1%", "at-most": 40}


def document(small: Path) -> Document:
    return open_document(str(small)).override("horizon", "4 d").override("replications", 4)


def test_replications_stop_at_the_precision_asked_for(small: Path) -> None:
    """More than the least, fewer than the most, and the interval is as narrow as asked; worker processes give the same bytes."""
    plan = document(small).override("until", UNTIL)
    with Runner(1) as runner:
        summary = run_plan(plan, runner=runner).summary
    cost = summary.figure("cost.usd")
    assert 4 < summary.replications < 40
    assert cost.mean is not None
    assert cost.high is not None
    assert (cost.high - cost.mean) / cost.mean <= 0.01
    assert summary.precision is not None
    assert summary.precision.met
    with Runner(2) as runner:
        assert run_plan(plan, runner=runner).summary == summary
    fixed = run_plan(document(small).override("replications", summary.replications)).summary
    assert fixed.figures == summary.figures


def test_what_stays_imprecise_says_so(small: Path) -> None:
    """The cap holds."""
    summary = run_plan(document(small).override("until", {**UNTIL, "within": "0.1%", "at-most": 6})).summary
    assert summary.replications == 6
    assert summary.precision is not None
    assert not summary.precision.met


def test_compared_plans_get_as_many_replications_as_the_one_that_needs_most(small: Path) -> None:
    """So that their differences stay paired."""
    plans = {"one": {"providers.second": None, "policy": None}, "two": {}}
    until = {"figure": "wait.mean", "within": "60%", "at-most": 8}
    study = run_plans(plan_documents(document(small).override("until", until).override("study", {"compare": plans})))
    one, two = study.comparison.plans.values()
    assert one.replications == two.replications
    assert study.comparison.differences["two"]["wait.mean"].paired


def test_looks_are_few_and_foreseen() -> None:
    """A width twice too wide needs four times as many, asked for in two steps; pairs stay even; enough is enough."""
    wide = Precision(figure="x", within=0.05, at_most=100, reached=0.1)
    assert wanted(10, wide) == 20
    assert wanted(10, wide.model_copy(update={"reached": 0.055})) == 13
    assert wanted(10, wide.model_copy(update={"reached": 0.055}), pairs=True) == 14
    assert wanted(10, wide.model_copy(update={"reached": 0.05})) == 10
    assert wanted(90, wide) == 100
    assert wanted(100, wide) == 100
    assert wanted(10, wide.model_copy(update={"reached": None})) == 20


def test_an_unknown_figure_and_impossible_counts_are_refused(small: Path) -> None:
    """With the key, and what would do."""
    with pytest.raises(InputError, match=r"until\.figure: found 'wait.p96'.*did you mean 'wait.p9"):
        run_plan(document(small).override("until", {**UNTIL, "figure": "wait.p96"}))
    cases = {
        "until": ({**UNTIL, "at-most": 3}, "under the 4 replications run at least"),
        "antithetic": (True, "in pairs"),
        "replications": (1, "2 replications or more"),
    }
    base = document(small).override("until", UNTIL)
    for key, (value, says) in cases.items():
        with pytest.raises(InputError, match=says):
            validate((base.override("replications", 5) if key == "antithetic" else base).override(key, value))


def test_antithetic_pairs_are_mirrored_and_vary_less(small: Path) -> None:
    """At a steady rate the jobs of a pair nearly add up, and cost's interval, over pairs, is narrower than of as many independent runs."""
    assert [antithetic(number) for number in range(4)] == [0, ~0, 1, ~1]
    steady = document(small).override("workloads.merges.arrivals.profile", "flat").override("replications", 12)
    steady = steady.override("warmup", "0 d")
    independent, paired = run_plan(steady).summary, run_plan(steady.override("antithetic", True)).summary
    jobs = np.array(paired.figure("jobs").values, float).reshape(-1, 2)
    assert np.corrcoef(jobs.T)[0, 1] < -0.8
    assert jobs.sum(axis=1).std() < 0.5 * np.array(independent.figure("jobs").values, float).std()
    width = [(one.high or 0) - (one.low or 0) for one in (paired.figure("cost.usd"), independent.figure("cost.usd"))]
    assert width[0] < width[1]
    assert paired.intervals.pairs


def test_bootstrap_intervals_are_the_same_every_time(small: Path) -> None:
    """Seeded by the scenario: other than t's, and the same in every run."""
    one, other = (run_plan(document(small).override("intervals", "bootstrap")).summary for _ in range(2))
    assert one == other
    assert one.figure("cost.usd").low != run_plan(document(small)).summary.figure("cost.usd").low
