"""Charts: axes in units that read well, legends that name only what is drawn, and capacity nobody used in grey."""

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.report.charts import CAPACITY, backlog_over_time, cost_by_provider, svg, wait_curves, waits_by_reason
from sim.report.plan_charts import cost_against_wait
from sim.report.words import REASONS_IN_WORDS, with_interval
from sim.results.ledger import UNUSED
from sim.results.statistics import Estimate
from sim.results.summary import Summary
from sim.scenario.document import read_document
from sim.study.run import Run, run_plan
from sim.study.runner import Runner

SCENARIO = """# How long do a few merges wait on one machine?
name: few-merges
horizon: 4 d
warmup: 1 d
replications: 2
workloads:
  merges: {kind: merge, model: llama-3.1-8b, arrivals: {rate: 200/d}}
providers:
  here: {pools: {box: {gpu: amd-epyc-f26-avx512-2c, nodes: 1, gpus-per-node: 1, offer: {owned: 0.05 USD/GPU/h}}}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = Path(tmp_path_factory.mktemp("charts")) / "few.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return run_plan(read_document(path), runner=Runner(1))


def _with(summary: Summary, figure: str, seconds: float) -> Summary:
    """The summary as it would be had that figure been so many seconds."""
    changed = Estimate(mean=seconds, low=seconds, high=seconds, values=(seconds,))
    return summary.model_copy(update={"figures": summary.figures | {figure: changed}})


def _times(summary: Summary, factor: float) -> Summary:
    """The summary as it would be had all jobs waited so many times as long."""
    curves = summary.wait_curves.items()
    longer = {name: one.model_copy(update={"wait_s": tuple(factor * wait for wait in one.wait_s)}) for name, one in curves}
    return summary.model_copy(update={"wait_curves": longer})


@pytest.mark.parametrize(
    ("seconds", "unit", "drawn"), [(7.0, "seconds", 7.0), (90.0, "minutes", 1.5), (2 * 3600.0, "hours", 2.0), (7 * 86400.0, "days", 7.0)]
)
def test_waits_are_drawn_in_a_unit_that_reads_well(run: Run, seconds: float, unit: str, drawn: float) -> None:
    """Neither 0.002 hours nor 604 800 seconds, and the interval in the same unit."""
    chart = cost_against_wait({"one": _with(run.summary, "wait.p95", seconds)}).to_dict()
    (row,) = next(iter(chart["datasets"].values()))
    assert (row["wait"], row["low"], row["high"]) == (drawn, drawn, drawn)
    assert chart["layer"][1]["encoding"]["y"]["title"] == f"p95 wait, {unit}"


def test_a_share_of_a_wait_is_drawn_in_the_same_unit(run: Run) -> None:
    """Merges that wait for a machine for 36 s on average: minutes would start with a nought."""
    chart = waits_by_reason(_with(run.summary, "workload.merges.blocked.queue", 36.0)).to_dict()
    assert chart["encoding"]["x"]["title"] == "mean wait, seconds"
    assert _domain(chart) == [REASONS_IN_WORDS["queue"]]


def test_a_reason_keeps_its_colour_whatever_else_jobs_waited_for(run: Run) -> None:
    alone = waits_by_reason(run.summary).to_dict()["encoding"]["color"]["scale"]
    beside = waits_by_reason(_with(run.summary, "workload.merges.blocked.broken", 60.0)).to_dict()["encoding"]["color"]["scale"]
    colours = dict(zip(beside["domain"], beside["range"], strict=True))
    assert set(colours) == {REASONS_IN_WORDS["broken"], *alone["domain"]}
    assert colours[REASONS_IN_WORDS["queue"]] == dict(zip(alone["domain"], alone["range"], strict=True))[REASONS_IN_WORDS["queue"]]


def test_the_axis_of_waits_begins_at_a_minute(run: Run) -> None:
    """As its title says."""
    chart = wait_curves(_times(run.summary, 100)).to_dict()
    x = chart["encoding"]["x"]
    assert (x["scale"]["domainMin"], x["scale"]["nice"]) == (60.0, False)
    assert min(row["wait_s"] for rows in chart["datasets"].values() for row in rows) >= 60.0


def test_what_nobody_used_is_grey_and_last() -> None:
    """Workloads take the colours, whatever their names sort like."""
    billing = pd.DataFrame(
        {"x_Replication": [0, 0, 0], "ResourceId": ["a.b"] * 3, "x_Workload": [UNUSED, "!first", "zoo"], "EffectiveCost": 1.0}
    )
    scale = cost_by_provider(billing, 1).to_dict()["encoding"]["color"]["scale"]
    assert scale["domain"] == ["!first", "zoo", UNUSED]
    assert scale["range"][-1] == CAPACITY
    assert CAPACITY not in scale["range"][:-1]


def test_replications_in_which_nothing_was_billed_count_in_its_mean() -> None:
    """A job in one of four replications, and no capacity that is paid without one."""
    billing = pd.DataFrame({"x_Replication": [2], "ResourceId": ["a.b"], "x_Workload": ["rare"], "EffectiveCost": [8.0]})
    chart = cost_by_provider(billing, 4).to_dict()
    (row,) = next(iter(chart["datasets"].values()))
    assert row["EffectiveCost"] == 2.0
    assert chart["title"]["subtitle"] == "mean of 4 replications"


def _domain(chart: dict[str, Any]) -> list[str]:
    domain: list[str] = chart["encoding"]["color"]["scale"]["domain"]
    return domain


def test_a_chart_with_nothing_to_draw_is_a_sentence(run: Run) -> None:
    """Of jobs that start at once, in capacity that costs nothing: no axis from 0 to 0."""
    at_once = _times(run.summary, 0).model_copy(update={"figures": {}})
    free = run.tables["billing"].assign(EffectiveCost=0.0)
    idle = run.tables["timeline"].assign(waiting_gpus=0.0)
    said = [wait_curves(at_once), waits_by_reason(at_once), backlog_over_time(idle), cost_by_provider(free, 2)]
    said.append(cost_against_wait({"one": at_once}))
    assert all(isinstance(one, str) and one.endswith(".") for one in said)
    assert svg(said[1]) == "<p>Why jobs waited: none did.</p>"


@pytest.mark.parametrize(("costs", "digits"), [((2284.0, 2639.0), 3), ((46.77e6, 47.12e6), 4), ((1234.0, 1234.0), 3)])
def test_no_two_ticks_of_cost_read_alike(run: Run, costs: tuple[float, float], digits: int) -> None:
    plans = {f"plan {number}": _with(run.summary, "cost.usd", cost) for number, cost in enumerate(costs)}
    ticks = re.findall(r">(\$[\d.,]+[kMG]?)<", svg(cost_against_wait(plans)))
    assert len(set(ticks)) == len(ticks) >= 3
    x = cost_against_wait(plans).to_dict()["layer"][1]["encoding"]["x"]
    assert int(x["axis"]["format"][3]) >= digits


def test_as_many_plans_as_anybody_tries_are_told_apart(run: Run) -> None:
    encoding = cost_against_wait({"one": run.summary}).to_dict()["layer"][1]["encoding"]
    colours, shapes = encoding["color"]["scale"]["range"], encoding["shape"]["scale"]["range"]
    assert len(set(colours)) == len(colours)
    assert math.lcm(len(colours), len(shapes)) == 60


def test_what_is_pointed_at_is_told_in_words(run: Run) -> None:
    """Units and intervals as in the tables, and no column's name."""
    (row,) = next(iter(cost_against_wait({"one": run.summary}).to_dict()["datasets"].values()))
    assert row["waited"] == with_interval("wait.p95", run.summary.figure("wait.p95"))
    cost = cost_by_provider(run.tables["billing"], 2)
    for chart in (wait_curves(_times(run.summary, 100)), waits_by_reason(run.summary), cost):
        told = chart.to_dict()["encoding"]["tooltip"]
        assert not [one for one in told if "_" in one.get("title", one["field"])]
