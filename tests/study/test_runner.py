"""The runner: the same bytes wherever replications run, and whatever dies while they do."""

import os
import signal
import subprocess
import sys
from concurrent.futures import wait
from dataclasses import dataclass, fields
from itertools import islice
from multiprocessing import active_children, parent_process
from pathlib import Path
from types import ModuleType

import pytest

from sim.cost.durations import CostTable
from sim.report.saving import save
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.study.dispatch import TRIES, dispatch
from sim.study.preparation import Preparation, prepare
from sim.study.processes import Processes
from sim.study.run import run_plan
from sim.study.runner import Runner
from sim.study.tasks import Task, pack, run_chunk, run_task
from tests.study import drills
from tests.study.drills import cluster, digests


@pytest.fixture
def document(small: Path) -> Document:
    return open_document(str(small)).override("replications", 8).override("horizon", "4 d")


@dataclass(frozen=True)
class Deadly(Preparation):
    """Replication 3 ends any worker process that tries it."""

    def costs(self, replication: int) -> CostTable:
        if replication == 3 and parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().costs(replication)


def test_run_folders_are_the_same_bytes_over_any_workers(document: Document, tmp_path: Path) -> None:
    """Here, over two processes, over a Dask cluster: every file of the run folder."""
    here = digests(save(run_plan(document, runner=Runner(1)), tmp_path / "here"))
    with Runner(2) as two:
        assert digests(save(run_plan(document, runner=two), tmp_path / "two")) == here
    with cluster(tmp_path) as (address, _), Runner(cluster=address) as far:
        assert digests(save(run_plan(document, runner=far), tmp_path / "far")) == here


def test_a_killed_worker_costs_nothing_but_time(document: Document) -> None:
    """Whoever is killed, and however often: every replication comes, in order, once."""
    tasks = [Task(prepare(document), number) for number in range(8)]
    with Runner(2) as runner:
        numbers = []
        for replication in runner.replications(tasks):
            numbers.append(replication.number)
            if replication.number in (1, 4) and (workers := active_children()):
                os.kill(workers[-1].pid or 0, signal.SIGKILL)
    assert numbers == list(range(8))


def test_a_task_that_ends_every_worker_is_named_when_all_others_are_through(document: Document) -> None:
    """Tried, tried again, tried alone, named; none of the others is lost."""
    plain = prepare(document)
    deadly = Deadly(**{field.name: getattr(plain, field.name) for field in fields(plain)})
    site = Processes(2)
    running = dispatch([Task(deadly, number, "plan b") for number in range(6)], site, 1.0)
    try:
        assert sorted(index for index, _ in islice(running, 5)) == [0, 1, 2, 4, 5]
        with pytest.raises(InputError, match=f"replication 3 of plan b ended its worker process {TRIES + 1} times"):
            next(running)
    finally:
        site.close()


def test_a_worker_imports_what_replications_need_and_no_more() -> None:
    """Tables, intervals and mirrored draws bring their libraries along where they are made: a worker starts in a third of the time."""
    loaded = "import sys, sim.study.tasks; print({'numpy', 'pandas', 'pyarrow', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "{'numpy'}\n"


def test_workers_need_nothing_of_the_main_module(document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started from a page or a script without a guard, a worker does not run it."""
    main = ModuleType("__main__")
    main.__file__ = "/nowhere/page.py"
    monkeypatch.setitem(sys.modules, "__main__", main)
    with Runner(2) as runner:
        assert run_plan(document.override("replications", 2), runner=runner).summary.replications == 2


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_stopped_while_workers_start_it_leaves_none_of_them(small: Path, by: signal.Signals, code: int) -> None:
    """Ctrl-C, or the command killed, before a worker had its first task: none stays, since each would hold stderr open.

    One of which Python had only half started, and whose parent is no more, says so: that is not ours to silence.
    """
    process = drills.start(["--replications", "400", "--workers", "2"], small.parent, "study")
    while not drills.children(process.pid) and process.poll() is None:
        pass
    (os.killpg if by == signal.SIGINT else os.kill)(process.pid, by)
    ended, said = drills.finish(process)
    assert ended == code
    assert "Traceback" not in said or by == signal.SIGKILL


def test_more_of_a_plan_can_be_asked_for(document: Document) -> None:
    """Replications 2 and 3 after 0 and 1 are what they are when all are asked for at once."""
    preparation = prepare(document)
    tasks = [Task(preparation, number) for number in range(4)]
    with Runner(2) as runner:
        later = [*runner.replications(tasks[:2]), *runner.replications(tasks[2:])]
    assert [repr(one.figures) for one in later] == [repr(run_task(task).replication.figures) for task in tasks]


def test_short_tasks_travel_together(document: Document) -> None:
    """One trip gives what each of its tasks gives alone, of several plans too."""
    one, other = prepare(document), prepare(document.override("seed", 9))
    tasks = [Task(one, 1), Task(other, 1), Task(one, 2)]
    site = Processes(1)
    try:
        far = site.submit(run_chunk, pack(tasks))
        wait([far])
        assert [repr(done.replication.figures) for done in far.result()] == [repr(run_task(task).replication.figures) for task in tasks]
    finally:
        site.close()


@pytest.mark.parametrize(("address", "says"), [("tcp://127.0.0.1:9", "no Dask scheduler answers"), ("here", "is no address")])
def test_an_address_where_no_cluster_is(document: Document, address: str, says: str) -> None:
    """Said before anything runs."""
    with pytest.raises(InputError, match=says), Runner(cluster=address) as runner:
        run_plan(document, runner=runner)


def test_progress_says_how_precise_the_headline_is(document: Document) -> None:
    """Done, asked for, and the half-width of the p95 wait's interval once there is one."""
    said: list[tuple[int, int, str]] = []
    run_plan(document, runner=Runner(1, lambda done, asked, note: said.append((done, asked, note))))
    assert [one[:2] for one in said] == [(done, 8) for done in range(1, 9)]
    assert said[0][2] == ""
    assert said[-1][2].startswith("p95 wait ± ")
