"""The store: a study killed at any moment goes on from there, and ends as if nothing had been."""

import os
import random
import resource
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim.study.store
from sim.engine.remaining import NeverDoneError
from sim.report.saving import save
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.study.preparation import prepare
from sim.study.run import run_plan
from sim.study.runner import Runner
from sim.study.store import Store, refuse_finished, resumable
from sim.study.stored import decode, encode
from sim.study.tasks import Task, run_task
from tests.study import drills

COUNT = "24"
NODES = "providers.second.pools.b.nodes"
DRILLED = 80
"""Replications of a study that is drilled: enough for a kill to come in their midst."""


@pytest.fixture(autouse=True)
def _keep_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.study.store, "WORTH_KEEPING_S", 0.0)


@pytest.fixture
def document(small: Path) -> Document:
    return open_document(str(small)).override("horizon", "4 d")


def test_a_replication_comes_back_to_the_bit(document: Document) -> None:
    """Figures, quantiles, tables with their types, notes; without a pickle."""
    replication = run_task(Task(prepare(document), 0)).replication
    again = decode(*encode(replication))
    assert again.figures == pytest.approx(replication.figures, rel=0, abs=0, nan_ok=True)
    assert list(again.figures) == list(replication.figures)
    for name, quantiles in replication.wait_quantiles.items():
        assert np.array_equal(again.wait_quantiles[name], quantiles)
    assert "jobs" in again.history
    assert list(again.history) == list(replication.history)
    tables = {"timeline": replication.timeline, "billing": replication.billing, **replication.history}
    for name, table in {"timeline": again.timeline, "billing": again.billing, **again.history}.items():
        pd.testing.assert_frame_equal(table, tables[name], check_exact=True)
    for name in ("number", "horizon_s", "unusable", "notes"):
        assert getattr(again, name) == getattr(replication, name)


def test_what_is_stored_is_not_run_again(document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replications 0 to 2 come from the store; 3 alone is run."""
    tasks = [Task(prepare(document), number) for number in range(4)]
    with resumable(tmp_path / "out", "study-1") as store:
        first = list(Runner(1, store=store).replications(tasks[:3]))
        ran: list[int] = []
        monkeypatch.setattr("sim.study.runner.run_task", lambda task: ran.append(task.number) or run_task(task))
        second = list(Runner(1, store=store).replications(tasks))
    assert ran == [3]
    assert [repr(one.figures) for one in second[:3]] == [repr(one.figures) for one in first]
    assert not store.folder.exists()


def test_a_changed_trace_is_another_task(tmp_path: Path, document: Document) -> None:
    """What a replication reads is part of what it follows from; how many there are is not."""
    trace = tmp_path / "jobs.csv"
    trace.write_text("job_id,submit_s,gpus,duration_s\n1,0,1,60\n", encoding="utf-8")
    replayed = document.override("workloads.merges", {"kind": "trace", "format": "csv", "path": str(trace)})
    before = prepare(replayed).key
    assert prepare(replayed.override("replications", 99)).key == before
    trace.write_text("job_id,submit_s,gpus,duration_s\n1,0,1,61.5\n", encoding="utf-8")
    assert prepare(replayed).key != before


def test_a_store_of_another_study_or_version_is_refused(document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One error that names both, and the store is left as it was."""
    task = Task(prepare(document), 0)
    store = Store(tmp_path / "study", "study-1")
    store.keep(task, run_task(task))
    store.close()
    with pytest.raises(InputError, match="an unfinished study of study-1, and this is study-2"):
        Store(store.folder, "study-2")
    monkeypatch.setattr("sim.__version__", "99")
    with pytest.raises(InputError, match="begun by leadtime"):
        Store(store.folder, "study-1")
    monkeypatch.undo()
    assert len(Store(store.folder, "study-1")) == 1


def test_two_at_work_on_one_study_are_refused(document: Document, tmp_path: Path) -> None:
    """The second is told, and the first goes on."""
    task = Task(prepare(document), 0)
    with resumable(tmp_path / "out", "study-1") as store:
        store.keep(task, run_task(task))
        with pytest.raises(InputError, match="another leadtime is at work"):
            Store(store.folder, "study-1")
        assert task in store


def test_what_goes_wrong_says_what_is_kept(document: Document, tmp_path: Path) -> None:
    """A study stopped by an error goes on once it is mended."""
    task = Task(prepare(document), 0)

    def study() -> None:
        with resumable(tmp_path / "out", "study-1") as store:
            if task not in store:
                store.keep(task, run_task(task))
                raise InputError.of("the cluster went away")

    with pytest.raises(InputError, match=r"the cluster went away(.|\n)*1 finished replications are kept"):
        study()
    study()
    assert not list(tmp_path.glob(".out*"))


def test_a_job_that_never_gets_through_promises_nothing(document: Document, tmp_path: Path) -> None:
    """The same command would come to the same job."""
    task = Task(prepare(document), 0)

    def study() -> None:
        with resumable(tmp_path / "out", "study-1") as store:
            store.keep(task, run_task(task))
            raise NeverDoneError.of("a job does not get through")

    with pytest.raises(NeverDoneError) as caught:
        study()
    assert str(caught.value) == "a job does not get through"


def test_a_full_disk_is_one_error_and_what_was_finished_stays(small: Path) -> None:
    """A limit on the size of files stands for the disk; with room again, the study goes on to the same end."""
    folder = small.parent
    limited = ["--replications", COUNT, "--workers", "1"]

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

    stopped = subprocess.run(
        drills.command(limited, "study"), cwd=folder, capture_output=True, text=True, check=False, preexec_fn=little_room
    )
    assert stopped.returncode == 2
    assert "make room there" in stopped.stderr
    assert "finished replications are kept" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert drills.finish(drills.start(limited, folder, "study"))[0] == 0
    assert drills.finish(drills.start(limited, folder, "whole"))[0] == 0
    assert drills.digests(folder / "study") == drills.digests(folder / "whole")


def test_ctrl_c_leaves_a_study_that_goes_on(small: Path) -> None:
    """Says so, exits with 130, and its workers end too."""
    process = drills.start(["--replications", "200", "--workers", "2"], small.parent, "study")
    drills.wait_until_kept(process, small.parent, "study")
    os.killpg(process.pid, signal.SIGINT)
    code, said = drills.finish(process)
    assert code == 130
    assert "finished replications are kept; the same command goes on from there" in said
    assert "Traceback" not in said
    assert not (small.parent / "study").exists()


def drill(small: Path, chance: random.Random, count: int = 24) -> drills.Drill:
    return drills.Drill(small, "run", ("--replications", str(count)), count, chance)


@pytest.mark.parametrize("victim", ["worker", "parent", "scheduler"])
def test_killed_at_a_random_moment_it_ends_as_if_nothing_had_been(small: Path, victim: str) -> None:
    """A worker is replaced unseen; after the parent's or the scheduler's death the same command goes on."""
    once = drill(small, random.Random(victim))
    assert once.run(victim, "study") == once.whole()


@pytest.mark.parametrize(
    ("verb", "asked", "count"),
    [
        ("sweep", ("--set", f"{NODES}=1,2,3", "--replications", "8"), 24),
        (
            "optimise",
            ("--set", f"{NODES}=0..3", "--replications", "8", "--confirm", "8"),
            24,
        ),
    ],
)
def test_sweeps_and_searches_go_on_too(small: Path, verb: str, asked: tuple[str, ...], count: int) -> None:
    """The parent killed at any moment, the same command again: every file as in a study that nobody killed."""
    once = drills.Drill(small, verb, asked, count, random.Random(time.time_ns()))
    assert once.run("parent", "study") == once.whole()


def test_what_a_kill_at_the_very_end_leaves_is_removed(small: Path) -> None:
    """The folder stands and its store beside it: the same command says that it is finished, removes the store, touches no file."""
    late = "import os, signal; from sim.study.store import Store; Store.discard = lambda self: os.kill(os.getpid(), signal.SIGKILL);"
    line = drills.command(["--replications", COUNT, "--workers", "1"], "study")
    killed = subprocess.run([*line[:2], late + line[2], *line[3:]], cwd=small.parent, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    whole = drills.digests(small.parent / "study")
    assert (small.parent / ".study.study").exists()
    code, said = drills.finish(drills.start(["--replications", COUNT], small.parent, "study"))
    assert code == 2
    assert "exists already, this study, finished" in said
    assert not (small.parent / ".study.study").exists()
    assert drills.digests(small.parent / "study") == whole


def test_another_folder_in_the_way_costs_an_unfinished_study_nothing(document: Document, tmp_path: Path) -> None:
    """The results of another scenario, put where this study was to go."""
    other = tmp_path / "out"
    save(run_plan(document.override("seed", 6).override("replications", 1), runner=Runner(1)), other)
    task = Task(prepare(document), 0)
    store = Store(tmp_path / ".out.study", "study-1")
    store.keep(task, run_task(task))
    store.close()
    with pytest.raises(InputError, match="exists already; choose another"):
        refuse_finished(other, "study-1", [document])
    assert len(Store(store.folder, "study-1")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "parent", "scheduler"])
def test_twenty_kills(small: Path, victim: str) -> None:
    """20 of 20 end identical to the uninterrupted study; prints the table's row."""
    many = drill(small, random.Random(time.time_ns()), DRILLED)
    reference = many.whole()
    runs = same = 0
    while many.hits < 20:
        assert runs < 60, f"only {many.hits} of {runs} kills came in time"
        runs += 1
        same += many.run(victim, f"study-{runs}") == reference
    print(f"\n{victim:10} {many.hits} kills in mid-study ({runs} runs): {same} of {runs} identical; {many.resumed} had to be started again")
    assert same == runs
