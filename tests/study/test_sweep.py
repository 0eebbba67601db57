"""Sweeps: the plans of a grid or a sample, the front, the table, and the folder."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cli import main
from sim.report import saving
from sim.report.plan_charts import sweep_scatter
from sim.report.saving import render, save_sweep
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.scenario.values import Choices, Span
from sim.study.pareto import front
from sim.study.run import run_plan
from sim.study.runner import Runner
from sim.study.space import grid, latin_hypercube, short_names
from sim.study.sweep import prepare_sweep, read_sweep, run_sweep

NODES = "providers.second.pools.b.nodes"
WAIT = "policy.routing.overflow-when.expected-wait"


def swept(small: Path, **sweep: object) -> Document:
    short = open_document(str(small)).override("replications", 2).override("horizon", "4 d")
    return short.override("study.sweep", sweep)


def test_a_grid_is_every_combination_once_the_last_key_fastest() -> None:
    points = grid({"a": Choices((1, 2)), "b": Choices(("x", "y"))})
    assert points == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]


@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 3))
def test_a_latin_hypercube_takes_each_stratum_once(points: int, choices: int, seed: int) -> None:
    """One value in each of N equal slices of a continuous range; choices as evenly as they divide; other keys move nothing."""
    over = {"s": Span(10.0, 20.0, ""), "c": Choices(tuple(range(choices)))}
    drawn = latin_hypercube(over, points, seed)
    assert len(drawn) == points
    slices = sorted(int((point["s"] - 10) / 10 * points) for point in drawn)
    assert np.abs(np.array(slices) - np.arange(points)).max() <= 1  # a value is written with ten digits
    counts = np.bincount([point["c"] for point in drawn], minlength=choices)
    assert counts.max() - counts.min() <= 1
    more = latin_hypercube(over | {"d": Span(0.0, 1.0, "")}, points, seed)
    assert [point["s"] for point in more] == [point["s"] for point in drawn]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_the_front_is_what_none_beats(pairs: list[tuple[int, int]]) -> None:
    """Against the definition, ties and repeated plans included."""
    marks = front([float(cost) for cost, _ in pairs], [float(wait) for _, wait in pairs])
    for (cost, wait), mark in zip(pairs, marks, strict=True):
        beaten = any(one <= cost and two <= wait and (one, two) != (cost, wait) for one, two in pairs)
        assert mark == (not beaten)


def test_a_plan_without_a_figure_is_never_on_the_front() -> None:
    assert front([1.0, None, 2.0], [None, 1.0, 3.0]) == [False, False, True]


def test_keys_are_shown_as_short_as_they_stay_apart() -> None:
    names = short_names(["providers.a.pools.x.nodes", "providers.b.pools.x.nodes", "horizon"])
    assert list(names.values()) == ["a nodes", "b nodes", "horizon"]
    four = short_names([f"providers.{one}.pools.{two}.nodes" for one in "ab" for two in "xy"])
    assert list(four.values()) == ["a x nodes", "a y nodes", "b x nodes", "b y nodes"]


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(".".join), unique=True))
def test_no_two_keys_are_shown_alike(keys: list[str]) -> None:
    """Of any lengths; each shows its own last part, and no part that it does not have."""
    names = short_names(keys)
    assert len(set(names.values())) == len(keys)
    for key, name in names.items():
        parts, shown = key.split("."), name.split(" ")
        assert parts[-1] == shown[-1]
        assert all(part in parts for part in shown)


def test_a_swept_plan_is_the_run_of_its_overrides(small: Path, tmp_path: Path) -> None:
    """The table, the JSON and each run folder say what running that plan alone says, and all plans saw the same demand."""
    document = swept(small, **{NODES: [0, 2], WAIT: "10..70 min step 60 min"})
    folder, sweep = save_sweep(prepare_sweep(document), tmp_path / "out", Runner(1))
    table = pd.read_parquet(folder / "sweep.parquet")
    assert list(table["plan"]) == list(sweep.plans) == ["plan 1", "plan 2", "plan 3", "plan 4"]
    assert table["jobs"].nunique() == 1
    alone = run_plan(document.override("study", None).override(NODES, 2).override(WAIT, "10 min"), runner=Runner(1)).summary
    row = table[(table[NODES] == 2) & (table[WAIT] == "10 min")].iloc[0]
    for name in ("wait.p95", "cost.usd", "workload.tunes.wait.p99"):
        estimate = alone.figure(name)
        assert (row[name], row[f"{name}.low"], row[f"{name}.high"]) == (estimate.mean, estimate.low, estimate.high)
    assert pd.read_csv(folder / "sweep.csv")["wait.p95"].to_numpy() == pytest.approx(table["wait.p95"].to_numpy())
    assert read_sweep(folder) == sweep
    assert list(table[table["front"]].sort_values("cost.usd")["plan"]) == sweep.front
    assert {path.name for path in (folder / "plans").iterdir()} == set(sweep.plans)
    assert (folder / "plans" / "plan 1" / "timeline.parquet").is_file()
    page = render(folder)
    assert page == (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    assert "on the front" in page
    assert "committed beyond the horizon" in page


def test_a_target_is_drawn_and_what_meets_it_is_seen_first(small: Path) -> None:
    """The cheapest plan of those that meet every target, of all where none does; a dashed line at what the wait may be."""
    document = swept(small, **{NODES: [1, 4]}).override("workloads.tunes.target", {"wait": {"p95": "2 h"}})
    result, _ = run_sweep(prepare_sweep(document, "workload.tunes.wait.p95"), Runner(1))
    one, two = result.plans
    missed, met = (result.plans[one].model_copy(update={"outcomes": (outcome,)}) for outcome in ("missed", "met"))
    assert result.model_copy(update={"plans": {one: missed, two: met}}).cheapest([one, two]) == two
    assert result.model_copy(update={"plans": {one: missed, two: missed}}).cheapest([one, two]) == one
    assert result.limit_s == 7200
    limit, *_ = sweep_scatter(result).to_dict()["layer"]
    assert limit["encoding"]["y"]["field"] == "limit"
    assert limit["mark"]["strokeDash"]
    untold = result.model_copy(update={"target": "wait.mean"})
    assert untold.limit_s is None


def test_many_plans_keep_the_folders_of_the_front_only(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table has every plan; the page and the disk stay small."""
    monkeypatch.setattr(saving, "MOST_FOLDERS", 3)
    monkeypatch.setattr("sim.report.sweep_rows.MOST_ROWS", 3)
    folder, sweep = save_sweep(prepare_sweep(swept(small, **{NODES: "0..4"})), tmp_path / "out", Runner(1))
    assert len(pd.read_parquet(folder / "sweep.parquet")) == 5
    assert {path.name for path in (folder / "plans").iterdir()} == set(sweep.front)
    assert "of 5, the others are dearer and beaten; sweep.csv has all" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "says", "count"),
    [
        ({NODES: [0, -1, 2], WAIT: ["1 min", "1 h"]}, "found -1; the number of nodes is a whole number, 0 or more", 1),
        ({NODES: [0, -1], WAIT: ["1 min", 7]}, "found 7, which has no unit", 2),
        ({"horizon": ["4 d", "5 d"]}, "measure different spans", 1),
        ({NODES: "0..99", "seed": "0..99"}, "a grid of 10,000 plans; at most 5,000 would do", 1),
    ],
)
def test_what_a_key_refuses_is_said_once_before_anything_runs(small: Path, values: dict[str, object], says: str, count: int) -> None:
    with pytest.raises(InputError, match=says) as caught:
        prepare_sweep(swept(small, **values))
    assert len(caught.value.problems) == count


def test_a_refused_value_is_pointed_at_where_it_is_written(small: Path) -> None:
    path = small.parent / "swept.yaml"
    path.write_text(f"extends: small.yaml\nstudy:\n  sweep:\n    {NODES}: [0, 1, -1]\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        prepare_sweep(open_document(str(path)))
    assert caught.value.problems[0].where == f"{path}:4:{len(NODES) + 14}"


@pytest.mark.parametrize(("target", "says"), [("wait.p59", "did you mean 'wait.p9"), ("cost", "no figure to keep low")])
def test_a_target_that_is_no_wait_is_refused(small: Path, target: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        prepare_sweep(swept(small, **{NODES: [0, 1]}), target)


def test_the_command_sweeps_what_its_flags_say(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One value replaces a key, several vary it; the document on stdout is the sweep."""
    out = tmp_path / "out"
    flags = ["--replications", "1", "--workers", "1", "--json", "--out", str(out), "--target", "workload.tunes.wait.mean"]
    assert main(["sweep", str(small), "--set", "horizon=3 d", "--set", f"{NODES}=0..9", "--points", "4", *flags]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["folder"] == str(out)
    assert said["first"]["horizon_s"] == 3 * 86400
    assert len(said["plans"]) == 4
    assert said["target"] == "workload.tunes.wait.mean"
    assert main(["report", str(out)]) == 0
    assert "Front: cost against tunes: mean wait" in capsys.readouterr().out
    assert main(["sweep", str(small), "--set", "horizon=3 d"]) == 2
    assert "varies no key" in capsys.readouterr().err
