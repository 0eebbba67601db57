"""Runs: same input, same bytes in any process; a plan's demand does not depend on its providers; folders are whole or absent."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.cost.devices import shipped_calibration
from sim.report.rows import basis_lines
from sim.report.saving import save
from sim.results.run_folder import read_summary, read_table
from sim.scenario.document import parse_set
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.study.comparison import plan_documents, run_plans
from sim.study.preparation import prepare
from sim.study.replication import replicate
from sim.study.run import run_plan
from sim.study.runner import Runner

EVALUATION = {"kind": "evaluation", "model": "llama-3.2-1b", "tokens": "1M", "arrivals": {"rate": "1/d"}}
FINGERPRINT = """
import hashlib, sys
from sim.scenario.loading import open_document
from sim.study.run import run_plan
from sim.study.runner import Runner
with Runner(int(sys.argv[2])) as runner:
    run = run_plan(open_document(sys.argv[1]), runner=runner)
jobs = run.tables["jobs"]
print(hashlib.sha256(b"".join(jobs[name].to_numpy().tobytes() for name in ("arrival_s", "start_s", "end_s"))
      + run.summary.model_dump_json().encode()).hexdigest())
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_same_seed_same_bytes_in_any_process(small: Path, workers: int) -> None:
    """Here, in a fresh process, over worker processes: one fingerprint."""
    run = run_plan(open_document(str(small)), runner=Runner(1))
    jobs = run.tables["jobs"]
    columns = b"".join(jobs[name].to_numpy().tobytes() for name in ("arrival_s", "start_s", "end_s"))
    here = hashlib.sha256(columns + run.summary.model_dump_json().encode()).hexdigest()
    script = small.parent / "fingerprint.py"
    guarded = "".join(f"    {line}\n" for line in FINGERPRINT.splitlines())
    script.write_text(f"if __name__ == '__main__':\n{guarded}", encoding="utf-8")
    command = [sys.executable, str(script), str(small), str(workers)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == here


def test_changing_a_provider_never_changes_the_demand(small: Path) -> None:
    """Common random numbers: same arrivals and durations under another plan; another seed differs."""
    document = open_document(str(small))
    base = replicate(prepare(document), 1)
    other = replicate(prepare(document.override("providers.second", None).override("policy", None)), 1)
    assert base.figures["jobs"] == other.figures["jobs"]
    first, second = (prepare(one).costs(1) for one in (document, document.override("seed", 6)))
    assert first.calibrations["h100-sxm"] != second.calibrations["h100-sxm"]
    again = prepare(document.override("providers.first.pools.a.nodes", 3)).costs(1)
    assert again.calibrations["h100-sxm"] == first.calibrations["h100-sxm"]


def test_a_run_folder_holds_everything_and_reads_back(small: Path, tmp_path: Path) -> None:
    """Scenario, calibration, tables, summary, report; the resolved scenario gives the same run."""
    run = run_plan(open_document(str(small)))
    folder = save(run, tmp_path / "out")
    tables = {f"{name}.parquet" for name in ("jobs", "attempts", "supply", "moves", "timeline", "billing")}
    texts = {"scenario.yaml", "calibration-h100-sxm.json", "summary.json", "report.html"}
    assert {path.name for path in folder.iterdir()} == tables | texts
    assert read_summary(folder) == run.summary
    jobs = read_table(folder, "jobs")
    assert (jobs["wait_s"] >= 0).all()
    again = run_plan(open_document(str(folder / "scenario.yaml")))
    assert again.summary.figures == run.summary.figures
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 6
    assert "Extrapolated" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_an_existing_folder_is_refused_and_nothing_is_left_behind(small: Path, tmp_path: Path) -> None:
    """Nothing half-written, nothing overwritten."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match="exists already"):
        save(run_plan(open_document(str(small)).override("replications", 1)), tmp_path / "taken")
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "small.yaml"}


def test_plans_are_compared_on_the_same_demand(small: Path) -> None:
    """A plan without its second provider waits longer, and the paired interval knows it."""
    document = open_document(str(small)).override("study", {"compare": {"one": {"providers.second": None, "policy": None}, "two": {}}})
    study = run_plans(plan_documents(document))
    one, two = study.comparison.plans.values()
    assert one.figure("jobs") == two.figure("jobs")
    difference = study.comparison.differences["two"]["wait.mean"]
    assert difference.mean == pytest.approx(two.figure("wait.mean").mean - one.figure("wait.mean").mean)  # type: ignore[operator]
    assert np.all(np.array(difference.values, float) <= 0)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("workloads.tunes.model", "llama-9", "not in the catalogue"),
        ("workloads.merges", {**EVALUATION, "images": "1k"}, "workloads.merges.images: llama-3.2-1b sees no images; leave them out"),
        ("workloads.tunes.model", "llama-3.1-405b", r"does not fit 1 GPU; it needs at least \d+ GPUs of h100-sxm"),
        ("workloads.tunes.gpus", 64, "asks for 64 GPUs, and the largest pool .* has no more than 8 that stay; add nodes or make"),
        ("providers.first.pools.a.gpu", "h100", "did you mean 'h100-sxm'"),
        ("calibration", "/nowhere.json", "cannot be read"),
        ("workloads.merges", {"kind": "trace", "format": "csv", "path": "/nowhere.csv"}, "cannot be read"),
        ("workloads.merges", {"kind": "trace", "format": "csv", "path": "$LEADTIME_NOWHERE/x.csv"}, "LEADTIME_NOWHERE is not set"),
    ],
)
def test_what_cannot_run_is_refused_with_its_line(small: Path, key: str, value: object, says: str) -> None:
    """Unknown model, misfit, oversized gang, unknown device, missing files: one message, one place."""
    with pytest.raises(InputError, match=says) as caught:
        run_plan(open_document(str(small)).override(key, value))
    assert all(problem.where for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("quota", "pool", "gpus", "says"),
    [
        (
            16,
            "nodes: 8, offer: {on-demand: 3 USD/GPU/h}",
            24,
            "pool second.b may have no more than 16 at once .* quota; raise the quota or",
        ),
        (16, "nodes: 8, offer: {on-demand: 3 USD/GPU/h}", 72, "no more than 16 at once .* quota; raise the quota and add nodes, or"),
        (None, "nodes: 2, offer: {block: 3 USD/GPU/h, windows: [{start: 0 d, end: 30 d}]}", 16, "has 16, keeps none when its windows end"),
        (None, "nodes: 3, expiries: [{nodes: 2, after: 9 d}], offer: {owned: 1 USD/GPU/h}", 16, "keeps no more than 8 when nodes expire"),
    ],
)
def test_jobs_that_fit_no_pool_are_told_what_keeps_them_from_it(small: Path, quota: int | None, pool: str, gpus: int, says: str) -> None:
    """Nodes are added in vain where a quota holds them, or where they leave for good."""
    document = open_document(str(small)).override(*parse_set(f"providers.second.pools.b={{gpu: h100-sxm, {pool}}}"))
    document = document.override("workloads.tunes.gpus", gpus)
    with pytest.raises(InputError, match=says):
        run_plan(document if quota is None else document.override("providers.second.quotas", {"on-demand": quota}))


def test_what_a_calibration_cannot_tell_is_said_of_every_workload_before_anything_runs(small: Path, tmp_path: Path) -> None:
    """A profile that left families out: each workload names those that it needs, at its own line."""
    whole = shipped_calibration("h100-sxm")
    bare = tmp_path / "bare.json"
    bare.write_text(whole.model_copy(update={"fits": {"disk-read": whole.fit("disk-read")}}).model_dump_json(), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        prepare(open_document(str(small)).override("calibration", str(bare)))
    merges, tunes = map(str, caught.value.problems)
    assert "small.yaml:8:3: workloads.merges: the calibration of h100-sxm has no fit of merge-linear, host-copy, disk-write" in merges
    assert "workloads.tunes: the calibration of h100-sxm has no fit of matmul-bf16, memory-copy" in tunes
    assert "leadtime profile --full" in tunes


def test_a_device_that_stands_for_another_is_named_where_figures_rest_on_it(small: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_text(shipped_calibration("a100-sxm-80gb").model_dump_json(), encoding="utf-8")
    document = open_document(str(small)).override("replications", 1).override("horizon", "2 d")
    (line, *_) = basis_lines(run_plan(document.override("calibration", str(own)), runner=Runner(1)).summary)
    assert line.startswith("h100-sxm: taken to be as fast as another device, a100-sxm-80gb (")
    (line, *_) = basis_lines(run_plan(document, runner=Runner(1)).summary)
    assert "another device" not in line
