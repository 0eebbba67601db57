"""The command, as a user types it: outputs, exit codes, and no traceback whatever the input."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def leadtime(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sim.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_run_prints_keeps_and_reports(small: Path, tmp_path: Path) -> None:
    """A run's folder is where it says, and ``report`` reads it again."""
    done = leadtime("run", str(small), "--replications", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mean of 2 replications (95 % interval)" in done.stdout
    folder = tmp_path / done.stdout.split("Run folder: ")[1].split()[0]
    assert (folder / "report.html").is_file()
    again = leadtime("report", str(folder), cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "Headlines" in again.stdout


def test_json_is_one_document_and_nothing_else(small: Path, tmp_path: Path) -> None:
    """What a script reads."""
    done = leadtime("run", str(small), "--json", "--seed", "9", "--replications", "2", "--set", "horizon=5 d", "--out", "o", cwd=tmp_path)
    summary = json.loads(done.stdout)
    assert (summary["seed"], summary["replications"], summary["horizon_s"], summary["folder"]) == (9, 2, 5 * 86400, "o")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "no-such"], "no shipped scenario of that name"),
        (["run", "second-sauce"], "did you mean 'second-source'?"),
        (["run", "small.yaml", "--set", "horizon=90"], "--set: horizon: found 90, which has no unit"),
        (["run", "small.yaml", "--out", "."], "exists already"),
        (["run", "."], "is a folder"),
        (["run", "small.yaml", "--set", "calibration=small.yaml"], "not a usable calibration"),
        (["report", "."], "is not a run folder"),
        (["run", "small.yaml", "--replications", "0"], "1 or more, would do"),
        (["estimate", "training", "--model", "llama-3.1-8b", "--tokens", "300 d"], "--tokens: found '300 d'"),
        (["estimate", "merge", "--model", "llama-3.1-8b", "--price", "2.49"], "--price: found '2.49', which has no unit"),
        (["validate", "--calibration", "small.yaml"], "not a usable calibration"),
        (["validate", "--workers", "0"], "1 or more, would do"),
        (["run", "small.yaml", "--set", "warmup=2026-03-15"], "found '2026-03-15', which is a date, and times count from the start"),
        (["estimate", "merge", "--model", "llama"], "--model: found model 'llama'"),
    ],
)
def test_wrong_input_is_said_once_and_exits_with_2(small: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    """No traceback, nothing written."""
    before = sorted(tmp_path.iterdir())
    done = leadtime(*arguments, cwd=small.parent)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_check_exits_with_1_when_a_target_is_missed(small: Path, tmp_path: Path) -> None:
    """A millisecond for the longest wait cannot be met; a single run is judged without an interval."""
    done = leadtime("run", str(small), "--check", "--replications", "1", "--set", "workloads.tunes.target.wait.max=1 ms", cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr


def test_check_lets_an_unsure_target_pass_and_says_so(small: Path, tmp_path: Path) -> None:
    """Three replications of a skewed wait: the interval reaches over the limit from both sides."""
    wait = json.loads(leadtime("run", str(small), "--json", cwd=tmp_path).stdout)["figures"]["workload.tunes.wait.p95"]
    assert wait["low"] < wait["mean"] < wait["high"]
    done = leadtime("run", str(small), "--check", "--set", f"workloads.tunes.target.wait.p95={wait['mean']} s", cwd=tmp_path)
    assert done.returncode == 0
    assert "1 of 1 targets neither met nor missed for sure" in done.stderr


def test_scenarios_and_schema(tmp_path: Path) -> None:
    """The list asks questions; the schema is JSON."""
    assert "One slow provider or two" in leadtime("scenarios", cwd=tmp_path).stdout
    assert "workloads" in json.loads(leadtime("schema", cwd=tmp_path).stdout)["properties"]


def test_estimate_prints_devices_on_which_the_job_runs_and_what_the_others_need(tmp_path: Path) -> None:
    """One row a device, and the same as one JSON document."""
    job = ["estimate", "training", "--model", "llama-3.1-8b", "--tokens", "300M", "--gpus", "8", "--devices", "h100-sxm,rtx-4090"]
    said = leadtime(*job, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    for words in ("h100-sxm", "linear layers", "$2.95 a GPU-hour", "needs at least 10 GPUs", "EXTRAPOLATED"):
        assert words in said.stdout
    document = json.loads(leadtime(*job, "--json", cwd=tmp_path).stdout)
    runs, refused = document["estimates"]
    assert runs["seconds"]["low"] < runs["seconds"]["value"] < runs["seconds"]["high"]
    assert (refused["seconds"], refused["refusal"]) == (None, "needs at least 10 GPUs")
    assert document["job"]["tokens-per-gpu"] == 16384


def test_estimate_serving_prints_how_fast_and_at_what_price(tmp_path: Path) -> None:
    """Two tables, a device that cannot says why, and the same as one JSON document."""
    asked = ["estimate", "serving", "--model", "llama-3.1-8b", "--tpot", "60 ms", "--rate", "100/s", "--devices"]
    said = leadtime(*asked, "h100-sxm,amd-epyc-f26-avx512-2c", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    for words in ("each further token", "price of 1M tokens", "a token even for one request", "EXTRAPOLATED"):
        assert words in said.stdout
    document = json.loads(leadtime(*asked, "h100-sxm", "--json", cwd=tmp_path).stdout)
    assert document["serving"]["prompt"] == 800
    assert document["estimates"][0]["token_s"]["value"] <= 0.06


def test_published_facts_are_printed_beside_predictions_without_torch(tmp_path: Path) -> None:
    """Misses and rows that cannot be predicted stay in the table."""
    code = "import sys; from sim.cli import main; code = main(['validate', '--published']); sys.exit(3 if 'torch' in sys.modules else code)"
    said = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    for words in ("Llama 3.1 8B on 15.6T tokens", "5,762", "RTX 4070 Ti SUPER", "float8 is none of our precisions", "ratio"):
        assert words in said.stdout
    rows = json.loads(leadtime("validate", "--published", "--json", cwd=tmp_path).stdout)
    assert {"what", "source", "published", "predicted", "ratio"} <= set(rows[0])


@pytest.mark.traces
@pytest.mark.parametrize(
    ("scenario", "arguments"),
    [
        ("philly-replay", ["--set", "study.compare={}"]),
        ("philly-replay", ["--set", "study.compare={}", "--set", "workloads.jobs.where.cluster=11cb48"]),
        ("openb-replay", []),
    ],
)
def test_replays_of_real_traces(traces_dir: Path, tmp_path: Path, scenario: str, arguments: list[str]) -> None:
    """Whole and by virtual cluster; openb prints logged waits beside simulated ones."""
    done = leadtime("run", scenario, *arguments, "--json", cwd=tmp_path, LEADTIME_TRACES=str(traces_dir))
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert figures["wait.mean"]["mean"] >= 0
    if scenario == "openb-replay":
        assert figures["workload.pods.logged_wait.mean"]["mean"] == pytest.approx(69.95, abs=0.01)
        assert figures["jobs"]["mean"] == 6203
    elif len(arguments) == 2:
        assert figures["jobs"]["mean"] == 82_247
        assert figures["gpu_hours.used"]["mean"] <= 978_079


@pytest.mark.traces
def test_swf_replay(traces_dir: Path, tmp_path: Path) -> None:
    """Any Standard Workload Format file is a workload."""
    path = tmp_path / "swf.yaml"
    path.write_text(
        "name: swf\nreplications: 1\n"
        f"workloads: {{jobs: {{kind: trace, format: swf, path: {traces_dir / 'lublin_256.swf.gz'}}}}}\n"
        "providers: {site: {pools: {all: {gpu: any, nodes: 32, gpus-per-node: 8, offer: {owned: 1 USD/GPU/h}}}}}\n",
        encoding="utf-8",
    )
    done = leadtime("run", str(path), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figures"]["jobs"]["mean"] == 10_000
