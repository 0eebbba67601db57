"""Optimisations: answers with reasons, the same anywhere; no plan, no target, no Optuna; the folder and the command."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.cli import main
from sim.report.saving import render, save
from sim.results.statistics import estimate
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.study.optimisation import read_optimisation
from sim.study.optimise import Optimised, fresh_seed, optimise, prepare_optimisation, upper_bound
from sim.study.run import run_plan
from sim.study.runner import Runner

OWN, RENTED = "providers.first.pools.a.nodes", "providers.second.pools.b.nodes"


def asked(small: Path, limit: str = "2 h", **over: object) -> Document:
    document = open_document(str(small)).override("replications", 2).override("horizon", "5 d")
    document = document.override("workloads.tunes.target", {"wait": {"p95": limit}})
    return document.override("study.optimise", {"over": over, "confirm": 4})


def answered(document: Document, workers: int = 1) -> Optimised:
    with Runner(workers) as runner:
        return optimise(prepare_optimisation(document), runner)


def test_the_answer_is_the_cheapest_and_every_plan_has_its_reason(small: Path, tmp_path: Path) -> None:
    """Against every plan of the grid run alone; the folder holds the answer, the table, and the confirmation as a run."""
    document = asked(small, **{OWN: [1, 2, 3], RENTED: [0, 1]})
    found = answered(document)
    answer = found.optimisation
    assert answer.chosen is not None
    alone = {}
    for own in (1, 2, 3):
        for rented in (0, 1):
            plan = document.override("study", None).override(OWN, own).override(RENTED, rented)
            alone[own, rented] = run_plan(plan, runner=Runner(1)).summary
    meets = {plan: one for plan, one in alone.items() if one.figure("workload.tunes.wait.p95").mean <= 7200}  # type: ignore[operator]
    rejected = [tuple(one.values.values()) for one in answer.plans.values() if one.outcome == "unconfirmed"]
    cheapest = min((plan for plan in meets if plan not in rejected), key=lambda plan: meets[plan].figure("cost.usd").mean or 0)
    assert tuple(answer.plans[answer.chosen].values.values()) == cheapest
    for one in answer.plans.values():
        plan = tuple(one.values.values())
        if one.cost is not None:
            assert one.cost.mean == alone[plan].figure("cost.usd").mean  # type: ignore[index]
        if one.outcome in ("misses", "hopeless"):
            assert plan not in meets
        assert one.reason
    assert "and commits $" in answer.answer
    assert any("Confirmed by 4 fresh replications" in line for line in answer.why)
    folder = save(found, tmp_path / "out")
    assert read_optimisation(folder) == answer
    assert len(pd.read_parquet(folder / "plans.parquet")) == 6
    assert (folder / "plans" / answer.chosen / "summary.json").is_file()
    assert answer.final.seed == fresh_seed(5)
    page = render(folder)
    assert answer.answer in page.replace("&#x27;", "'")
    assert page.count("<svg") == 1


def test_the_same_answer_whoever_runs_it(small: Path) -> None:
    """Searched, not enumerated: proposals and results do not depend on processes."""
    pytest.importorskip("optuna")
    document = asked(small, **{OWN: "0..9", RENTED: "1..9"}).override("study.optimise.trials", 5).override("horizon", "3 d")
    one, two = answered(document).optimisation, answered(document, workers=2).optimisation
    assert one.how.startswith("searched")
    assert one == two


def test_where_no_plan_meets_the_target_the_nearest_is_named(small: Path) -> None:
    """It waits least, and the answer says how far off it is."""
    found = answered(asked(small, "1 ms", **{OWN: [1], RENTED: [0, 1]}))
    answer = found.optimisation
    assert answer.chosen is None
    assert answer.answer.startswith(f"No plan in this range meets the targets; the nearest is {answer.nearest} (")
    waits = {plan: one.figures["workload.tunes.wait.p95"].mean for plan, one in answer.plans.items()}
    assert answer.nearest == min(waits, key=lambda plan: waits[plan] or 0.0)
    assert found.run.summary.plan == answer.nearest


def test_a_plan_is_taken_only_when_fresh_demand_confirms_it(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound over the limit sends the search on, and the answer says that none is confirmed."""
    monkeypatch.setattr("sim.study.optimise.upper_bound", lambda figure, **_: (figure.mean or 0.0) + 1e6)
    answer = answered(asked(small, "9 h", **{OWN: [2, 3]})).optimisation
    assert answer.chosen is None
    assert {one.outcome for one in answer.plans.values()} == {"unconfirmed"}
    assert answer.answer.startswith("No plan in this range is confirmed to meet the targets")


def test_the_upper_bound_is_students_one_sided_one() -> None:
    """t(0.95, 3) = 2.353 (tables); the sample 1, 2, 3, 4 has s = 1.291."""
    assert upper_bound(estimate([1.0, 2.0, 3.0, 4.0])) == pytest.approx(2.5 + 2.353363 * 1.290994 / 2, abs=1e-5)
    assert upper_bound(estimate([1.0])) == float("inf")
    assert upper_bound(estimate([1.0, 3.0, 2.0, 4.0]), pairs=True) == pytest.approx(2.5 + 6.313752 * 0.707107 / 2**0.5, abs=1e-5)
    assert upper_bound(estimate([1.0, 3.0]), pairs=True) == float("inf")


def test_plans_that_cannot_be_run_are_passed_over_with_their_reason(small: Path) -> None:
    """Taking a provider away needs another preference too: that value is refused alone, but not with the other key's value."""
    over: dict[str, Any] = {"providers.second": [None], "policy.routing.prefer": [["first"], ["first", "second"]]}
    answer = answered(asked(small, "100 d", **over)).optimisation
    assert answer.chosen == "plan 1"
    assert answer.plans["plan 2"].outcome == "cannot run"
    assert "found 'second', which is no provider" in answer.plans["plan 2"].reason


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({OWN: [1, -2]}, "found -2; the number of nodes is a whole number"),
        ({"providers.first.pools.a.offer": [{"rented": 1}]}, "an offer is exactly one of"),
    ],
)
def test_a_refused_value_is_an_error_before_anything_runs(small: Path, over: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        prepare_optimisation(asked(small, **over))


@pytest.mark.parametrize(
    ("antithetic", "at_most", "confirm", "says"),
    [
        (True, None, 3, "found 3; antithetic replications come in pairs: an even number, as in 4, would do"),
        (True, 8, 2, "found 2; 'until' needs two pairs of antithetic replications to begin with: 4 or more would do"),
        (False, 10, 20, "found 20, over the 10 replications that 'until' runs at most; lower it, or raise 'at-most'"),
    ],
)
def test_a_confirmation_that_cannot_be_run_is_refused_before_the_search(
    small: Path, antithetic: bool, at_most: int | None, confirm: int, says: str
) -> None:
    """And not after it, when it comes to run the best plan again."""
    document = asked(small, **{OWN: [1]}).override("antithetic", antithetic).override("replications", 4)
    until = None if at_most is None else {"figure": "wait.mean", "within": "5%", "at-most": at_most}
    document = document.override("until", until).override("study.optimise.confirm", confirm)
    with pytest.raises(InputError, match=says) as caught:
        prepare_optimisation(document)
    assert [one.key for one in caught.value.problems] == ["study.optimise.confirm"]
    prepare_optimisation(document.override("study.optimise.confirm", 4))


def test_without_a_target_or_a_key_there_is_nothing_to_optimise(small: Path) -> None:
    document = asked(small, **{OWN: [1]})
    with pytest.raises(InputError, match="has no target"):
        prepare_optimisation(document.override("workloads.tunes.target", None))
    with pytest.raises(InputError, match="varies no key"):
        prepare_optimisation(document.override("study", None))


def test_a_large_space_without_optuna_says_what_to_install(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones need nothing."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert answered(asked(small, "100 d", **{OWN: [1, 2]})).optimisation.chosen == "plan 1"
    with pytest.raises(InputError, match=r"pip install 'leadtime\[optimise\]'"):
        answered(asked(small, **{OWN: "1..40", RENTED: "1..40"}))


def test_the_command_answers_and_checks(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ranges on the command line; exit code 1 under --check where no plan will do; the report prints again."""
    flags = ["--set", "horizon=3 d", "--replications", "2", "--confirm", "3", "--workers", "1"]
    out = tmp_path / "out"
    assert main(["optimise", str(small), "--set", f"{OWN}=1..3", *flags, "--json", "--out", str(out)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["chosen"] is not None, said["folder"]) == (True, str(out))
    assert main(["report", str(out)]) == 0
    assert said["answer"] in capsys.readouterr().out
    impossible = ["--set", "workloads.tunes.target.wait.p95=1 ms", "--set", f"{OWN}=0,1", "--out", str(tmp_path / "none")]
    assert main(["optimise", str(small), *impossible, *flags, "--check"]) == 1
    assert "No plan in this range meets the targets" in capsys.readouterr().out
