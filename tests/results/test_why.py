"""`why` tells of one job what the figures tell of all, from nothing but the run folder."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from sim.report.saving import save
from sim.results.blocked import REASONS, blocked_seconds
from sim.results.history import read_history
from sim.results.run_folder import read_summary, read_table
from sim.results.why import why
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.study.run import run_plan
from tests.test_cli import leadtime


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which everything happens: failures, late nodes, answers, data that move, jobs turned away."""
    from tests.conftest import SMALL

    at = tmp_path_factory.mktemp("why")
    (at / "small.yaml").write_text(SMALL, encoding="utf-8")
    document = open_document(str(at / "small.yaml")).override("replications", 1).override("horizon", "20 d").override("warmup", "0 s")
    for key, value in {
        "workloads.merges.arrivals.rate": "900/d",
        "workloads.merges.data": {"home": "first"},
        "workloads.tunes.arrivals.rate": "60/d",
        "workloads.tunes.checkpoint": "10 min",
        "providers.first.network": {"to-others": {"bandwidth": "1 Gb/s"}},
        "providers.second.network": {"to-others": {"bandwidth": "1 Gb/s"}},
        "providers.first.pools.a.failures": {"mtbf": "40 h/node"},
        "providers.first.pools.a.provisioning": "8 h",
        "policy.routing.migrate": True,
        "policy.admission": {"reject-when": {"expected-wait": "9 min"}},
    }.items():
        document = document.override(key, value)
    return save(run_plan(document), at / "run")


def test_each_answer_agrees_with_the_records_and_the_table(folder: Path) -> None:
    """Stretches join on to each other, add up to the wait and to the reasons, for a sample of jobs with every reason that occurs."""
    history, table = read_history(folder), read_table(folder, "jobs")
    blocked = blocked_seconds(history.jobs, history.records)
    np.testing.assert_allclose(blocked.sum(axis=1)[~table["rejected"]], table["wait_s"][~table["rejected"]], atol=1e-6)
    occurring = [index for index in range(len(REASONS)) if blocked[:, index].max() > 0]
    assert len(occurring) >= 5
    sample = {int(job) for index in occurring for job in np.argsort(-blocked[:, index])[:3]} | {int(table["interruptions"].idxmax())}
    for job in sorted(sample):
        answer = why(history, job)
        assert answer.wait_s == pytest.approx(table["wait_s"][job])
        assert sum(answer.seconds.values()) == pytest.approx(answer.wait_s)
        for index, reason in enumerate(REASONS):
            assert answer.seconds.get(reason, 0.0) == pytest.approx(blocked[job, index], abs=1e-6)
        assert all(one.to_s <= after.from_s + 1e-9 for one, after in zip(answer.stretches, answer.stretches[1:], strict=False))
        if "queue" in answer.seconds:
            assert sum(answer.held_by.values()) == pytest.approx(1.0)
            assert answer.holders
        if "head_of_line" in answer.seconds:
            assert answer.ahead
            assert all(one.job != job for one in answer.ahead)
        json.dumps(asdict(answer), allow_nan=False)


def test_runs_between_two_waits_of_one_reason_are_no_waits(tmp_path: Path) -> None:
    """One job on spot nodes, each of whose waits is for the provider's answer after a reclaim."""
    (tmp_path / "jobs.csv").write_text("submit_s,gpus,duration_s\n0,8,360000\n", encoding="utf-8")
    spot = "{gpu: h100-sxm, nodes: 4, offer: {spot: 1 USD/GPU/h, reclaim: {mtbf: 12 h, notice: 30 s}}, provisioning: 5 min}"
    (tmp_path / "spot.yaml").write_text(
        "name: spot\nhorizon: 30 d\nreplications: 1\nworkloads: {one: {kind: trace, format: csv, path: jobs.csv, checkpoint: 1 h}}\n"
        f"providers: {{s: {{pools: {{p: {spot}}}}}}}\n",
        encoding="utf-8",
    )
    run = save(run_plan(open_document(str(tmp_path / "spot.yaml"))), tmp_path / "run")
    table, answer = read_table(run, "jobs"), why(read_history(run), 0)
    assert len([one for one in answer.stretches if one.after == "reclaim"]) > 2
    assert answer.wait_s == pytest.approx(table["wait_s"][0])


def test_the_figures_are_the_means_of_the_answers(folder: Path) -> None:
    """``blocked.…`` adds up to ``wait.mean``, of all and by workload; an interrupted job's later wait says what it follows."""
    summary, history = read_summary(folder), read_history(folder)
    for prefix in ("", "workload.merges.", "workload.tunes."):
        parts = sum(summary.figure(f"{prefix}blocked.{reason}").mean or 0.0 for reason in REASONS)
        assert parts == pytest.approx(summary.figure(f"{prefix}wait.mean").mean)
    interrupted = history.records.attempts[0].job
    assert any(one.after == "node failure" for one in why(history, interrupted).stretches)


def test_the_command_tells_it_in_words_and_as_json(folder: Path, tmp_path: Path) -> None:
    """The longest wait, a job turned away, and one that started at once; numbers that no job has are refused."""
    table = read_table(folder, "jobs")
    longest, rejected = int(table["wait_s"].idxmax()), int(table["rejected"].idxmax())
    said = leadtime("why", str(folder), str(longest), cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert f"Job {longest} (" in said.stdout
    assert "Why it waited" in said.stdout
    assert "Stretch by stretch" in said.stdout
    assert "was turned away" in leadtime("why", str(folder), str(rejected), cwd=tmp_path).stdout
    at_once = int((table["wait_s"] == 0).idxmax())
    assert "started at once" in leadtime("why", str(folder), str(at_once), cwd=tmp_path).stdout
    answer = json.loads(leadtime("why", str(folder), str(longest), "--json", cwd=tmp_path).stdout)
    assert answer["wait_s"] == pytest.approx(table["wait_s"].max())
    for arguments, says in (
        ((str(folder), str(len(table))), f"this run has jobs 0 to {len(table) - 1}"),
        ((str(folder), "-1"), "JOB"),
        ((str(tmp_path), "0"), "is not a run folder"),
    ):
        done = leadtime("why", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_a_job_out_of_range_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="this run has jobs 0 to"):
        why(read_history(folder), 10**9)
