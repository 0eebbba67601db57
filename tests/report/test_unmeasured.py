"""A run in which no job is measured ends like any other, and says everywhere that nothing was, and why."""

import json
from pathlib import Path

import pytest

from sim.cli import main
from sim.report.charts import svg, wait_curves
from sim.results.run_folder import read_summary

SCENARIO = """\
name: nothing
horizon: 10 h
replications: 2
workloads:
  t: {kind: training, model: llama-3.1-8b, tokens: 300M, gpus: 8, arrivals: {rate: 1/y}, target: {wait: {p95: 1 h}}}
providers:
  own: {pools: {o: {gpu: h100-sxm, nodes: 2, offer: {owned: 1 USD/GPU/h}}}}
"""


LATE = ["providers.own.pools.o.nodes=0", "providers.own.pools.o.deliveries=[{nodes: 2, after: 5 h}]"]


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ([], "no job arrived in 10 h"),
        (["workloads.t.arrivals={at: 1 h}", "warmup=2 h"], "every job arrived in the warm-up of 2 h"),
        (["workloads.t.arrivals={at: 1 h}", *LATE, "policy.admission={reject-when: {expected-wait: 1 min}}"], "every job was turned away"),
    ],
)
def test_it_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], why: str) -> None:
    """On the terminal, in the report, in the JSON document, and in the charts, which are then of nothing."""
    path, out = tmp_path / "nothing.yaml", tmp_path / "out"
    path.write_text(SCENARIO, encoding="utf-8")
    assert main(["run", str(path), *(f"--set={flag}" for flag in flags), "--out", str(out), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert f"NOTHING WAS MEASURED: {why}" in said
    assert "stays over" not in said
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"NOTHING WAS MEASURED: {why}" in page
    assert "How long jobs waited" not in page
    assert main(["report", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unmeasured"].startswith(why)
    assert svg(wait_curves(read_summary(out))) == "<p>How long jobs waited: no job was measured.</p>"


def test_what_is_leased_by_use_costs_nothing_without_a_job(tmp_path: Path) -> None:
    """No charge at all: the table of billing has no rows, and a sentence stands in the place of its chart."""
    path, out = tmp_path / "nothing.yaml", tmp_path / "out"
    path.write_text(SCENARIO.replace("owned", "on-demand"), encoding="utf-8")
    assert main(["run", str(path), "--out", str(out), "--workers", "1"]) == 0
    assert "<p>What it cost: nothing.</p>" in (out / "report.html").read_text(encoding="utf-8")


def test_a_workload_is_told_of_though_the_first_replication_had_none_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A job in some of 20 replications, on average one in three, and none in the first: it has its row of waits."""
    path = tmp_path / "rare.yaml"
    path.write_text(SCENARIO.replace("rate: 1/y", "rate: 1/d").replace("replications: 2", "replications: 20"), encoding="utf-8")
    assert main(["run", str(path), "--out", str(tmp_path / "out"), "--workers", "1", "--json", "--set", "seed=4"]) == 0
    said = json.loads(capsys.readouterr().out)
    jobs = said["figures"]["workload.t.jobs"]["values"]
    assert (jobs[0], sum(jobs) > 0) == (0, True)
    assert (list(said["wait_curves"]), said["unmeasured"]) == (["t"], "")
