"""Comparisons: plans of one scenario or several scenarios, paired where they can be, each with a verdict in a sentence."""

import json
from pathlib import Path

import pytest

from sim.cli import main
from sim.report.rows import difference_rows
from sim.results.difference import Difference, difference
from sim.results.statistics import estimate
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.study.comparison import refuse_unlike, run_plans, scenario_documents
from sim.study.runner import Runner
from sim.study.verdict import verdict


def said(values: list[float], base: list[float], *, paired: bool = True) -> str:
    """The verdict where wait, p95 wait and cost all differ alike."""
    found = difference(estimate(values), estimate(base), paired=paired)
    return verdict("B", "A", {"wait.mean": found, "wait.p95": found, "cost.usd": found})


def test_two_scenarios_are_compared_on_the_same_demand(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``leadtime compare A B --json``: a plan of twice the nodes waits less, in percent, and its sentence says so; the folder keeps it."""
    bigger = small.with_name("bigger.yaml")
    bigger.write_text("extends: small.yaml\nname: bigger\nproviders: {first: {pools: {a: {nodes: 4}}}}\n", encoding="utf-8")
    out = tmp_path / "out"
    assert main(["compare", str(small), str(bigger), "--set", "workloads.tunes.arrivals.rate=40/d", "--json", "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["plans"]) == ["small", "bigger"]
    assert document["plans"]["small"]["figures"]["jobs"] == document["plans"]["bigger"]["figures"]["jobs"]
    wait = document["differences"]["bigger"]["wait.mean"]
    assert wait["paired"]
    assert -1 <= wait["relative"] < 0
    assert document["verdicts"]["bigger"].startswith("bigger: waits")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert document["plans"]["bigger"]["figures"]["cost.committed_beyond_usd"]["mean"] > 0
    assert "committed beyond the horizon" in page  # a year was signed for, ten days were simulated
    assert document["verdicts"]["bigger"].split("(")[0] in page
    assert (out / "plans" / "bigger" / "summary.json").is_file()


def test_other_seeds_are_compared_unpaired_and_say_so(small: Path) -> None:
    """Nothing is shared, so no replication stands against another."""
    document = open_document(str(small)).override("replications", 2)
    study = run_plans(scenario_documents([document, document.override("seed", 6)]), Runner(1))
    assert list(study.comparison.plans) == ["small 1", "small 2"]
    assert not study.comparison.differences["small 2"]["wait.mean"].paired
    assert "share no random numbers" in study.comparison.verdicts["small 2"]


def test_plans_of_one_seed_are_paired_over_the_replications_that_both_have(small: Path) -> None:
    """The first replications see the same demand, however many follow."""
    document = open_document(str(small)).override("replications", 2)
    study = run_plans(scenario_documents([document, document.override("replications", 3)]), Runner(1))
    cost = study.comparison.differences["small 2"]["cost.usd"]
    assert cost.paired
    assert cost.values == (0.0, 0.0)
    assert "no random numbers" not in study.comparison.verdicts["small 2"]
    assert difference_rows(study.comparison).title == "Difference from small 1, paired over the replications that both have"


def test_unlike_or_single_plans_are_refused(small: Path) -> None:
    """Spans that differ, and one scenario that compares nothing, with the key and what would do."""
    document = open_document(str(small))
    with pytest.raises(InputError, match=r"horizon: found 20 d in 'small 2' and 10 d in 'small 1'.*--set horizon='10 d'"):
        refuse_unlike(scenario_documents([document, document.override("horizon", "20 d")]))
    with pytest.raises(InputError, match=r"study\.compare: names no plans; name a second scenario"):
        scenario_documents([document])


def test_verdicts_read_as_sentences() -> None:
    """Less, longer, several times, no difference shown, exactly the same, a single run, a base of zero."""
    assert said([60, 58, 62, 61], [100, 99, 101, 103]) == (
        "B: waits 40 % less than A (95 % interval 38–42 %), its p95 wait is 40 % shorter (38–42 %), and it costs 40 % less (38–42 %)."
    )
    assert "waits 10 % longer than A (95 % interval 8–12 %)" in said([110, 111, 109.5], [100, 100, 100.2])
    assert "waits 3.1 times as long as A" in said([300, 310, 320], [100, 100, 100])
    assert "its wait does not measurably differ from that of A (95 % interval -" in said([100, 90, 112], [101, 99, 100])
    assert said([5, 5], [5, 5]) == "B: its wait is exactly that of A, its p95 wait is exactly the same, and its cost is exactly the same."
    assert "waits 50 % less than A (a single run: no interval)" in said([1], [2])
    assert "waits 2 min longer than A (95 % interval" in said([120, 119, 121], [0, 0, 0])


def test_a_verdict_names_who_waits_longer_for_it() -> None:
    """A plan that all jobs together gain from may be some workload's loss; where all wait longer, the plan's own words say it."""
    shorter, longer, unclear = (
        difference(estimate(plan), estimate([100, 100, 101]), paired=True) for plan in ([60, 58, 62], [180, 182, 185], [90, 101, 115])
    )
    headline = {"wait.mean": shorter, "wait.p95": shorter, "cost.usd": shorter}
    by_workload = {"workload.research.wait.p95": longer, "workload.prod.wait.p95": shorter, "workload.rare.wait.p95": unclear}
    assert verdict("B", "A", headline | by_workload).endswith(". But of the p95 waits of each, research's is 82 % longer (78–86 %).")
    assert "But" not in verdict("B", "A", headline | {"wait.p95": longer} | by_workload)


def test_a_difference_that_was_not_measured_says_so() -> None:
    """A plan under which no job was measured."""
    nothing = Difference(mean=None, values=())
    assert "(not measured)" in verdict("B", "A", {"wait.mean": nothing, "wait.p95": nothing, "cost.usd": nothing})


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("workloads.tunes.gpus", 12, "12 GPUs, and the largest pool"),  # found where jobs are drawn
        ("workloads.tunes.model", "llama-3.1-405b", "llama-3.1-405b"),  # found where they are priced
    ],
)
def test_an_error_of_one_plan_names_it(small: Path, key: str, value: object, says: str) -> None:
    """What is true of one plan alone looks false to a reader of the others."""
    document = open_document(str(small)).override("replications", 1)
    odd = document.override("study", {"compare": {"as it is": {}, "the odd one": {key: value}}})
    with pytest.raises(InputError, match=f"in plan 'the odd one', .*{says}"):
        run_plans(scenario_documents([odd]), Runner(1))
    with pytest.raises(InputError, match=f"^(?!.*in plan).*{says}"):
        run_plans({"alone": document.override(key, value)}, Runner(1))


def test_a_misspelt_pool_of_a_plan_is_refused_where_it_is_written(small: Path) -> None:
    path = small.with_name("compared.yaml")
    key = "providers.first.pools.aa.nodes"
    path.write_text(f"extends: small.yaml\nstudy:\n  compare:\n    as it is: {{}}\n    more: {{{key}: 3}}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"there is no 'aa' in providers\.first\.pools; did you mean 'a'\?") as caught:
        scenario_documents([open_document(str(path))])
    assert caught.value.problems[0].where == f"{path}:5:12"
