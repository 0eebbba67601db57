"""Studies that are killed at random moments and started again: what tests of the store and of the runner share, and the slow drill."""

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

RUN = "import sys, sim.study.store as store; store.WORTH_KEEPING_S = 0.0; from sim.cli import main; sys.exit(main(sys.argv[1:]))"


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def command(arguments: list[str]) -> list[str]:
    """``leadtime run small.yaml`` that keeps every replication."""
    return [sys.executable, "-c", RUN, "run", "small.yaml", "--set", "horizon=4 d", *arguments]


def start(arguments: list[str], cwd: Path) -> "subprocess.Popen[str]":
    """That command in a process group of its own."""
    return subprocess.Popen(command(arguments), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code and what it said on stderr."""
    said = process.communicate(timeout=120)[1]
    return process.returncode, said


def children(pid: int) -> list[int]:
    """Worker processes of a process, oldest first; not the tracker of resources that Python starts with them."""
    found = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "spawn_main" in line]


def kept(cwd: Path, out: str) -> bool:
    """Whether the study of that folder keeps replications by now: one is about 50 kB of its log."""
    log = cwd / f".{out}.study" / "ledger.sqlite-wal"
    return log.exists() and log.stat().st_size > 100_000


def wait_until_kept(process: "subprocess.Popen[str]", cwd: Path, out: str) -> None:
    deadline = time.monotonic() + 60
    while not kept(cwd, out) and process.poll() is None:
        assert time.monotonic() < deadline, "nothing was kept within a minute"
        time.sleep(0.01)


def _dask(what: str, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A Dask scheduler and two workers, each a process: the address, and the scheduler."""
    address_file = folder / f"scheduler-{random.random()}.json"
    scheduler = _dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(address_file))
    workers = [_dask("worker", "--scheduler-file", str(address_file), "--nthreads", "1", "--no-nanny", "--no-dashboard") for _ in range(2)]
    try:
        deadline = time.monotonic() + 60
        while not address_file.exists() or not address_file.read_text(encoding="utf-8").endswith("}"):
            assert time.monotonic() < deadline, "no Dask scheduler within a minute"
            time.sleep(0.05)
        yield json.loads(address_file.read_text(encoding="utf-8"))["address"], scheduler
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def uninterrupted(scenario: Path, count: str) -> Path:
    """The run folder of the same study that nobody killed, run here in one process."""
    code, said = finish(start(["--replications", count, "--workers", "1", "--out", "whole"], scenario.parent))
    assert code == 0, said
    return scenario.parent / "whole"


def count_kept(cwd: Path, out: str) -> int:
    """Replications that the study of that folder keeps by now."""
    ledger = cwd / f".{out}.study" / "ledger.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=1.0)) as store:
            return int(store.execute("SELECT COUNT(*) FROM replications").fetchone()[0])
    except sqlite3.Error:  # not there yet, or there no more
        return 0


@dataclass
class Drill:
    """Kills one process of a study once it keeps a random number of replications, and starts it again where it must be.

    `hits` counts kills that took a living process of a study that still had replications to run: only they show anything.
    """

    scenario: Path
    count: int
    chance: random.Random
    hits: int = 0
    resumed: int = 0

    def run(self, victim: str, out: str) -> dict[str, str]:
        """Digests of the folder that the study ends with."""
        folder = self.scenario.parent
        arguments = ["--replications", str(self.count), "--out", out]
        if victim == "scheduler":
            with cluster(folder) as (address, scheduler):
                process = start([*arguments, "--cluster", address], folder)
                hit = self._kill(process, scheduler.pid, out)
                code, said = finish(process)
        else:
            process = start([*arguments, "--workers", "2"], folder)
            hit = self._kill(process, None if victim == "worker" else process.pid, out)
            code, said = finish(process)
        assert "Traceback" not in said, said
        if victim == "worker":
            assert code == 0, said
        elif hit and not (folder / out).exists():
            assert code != 0, "the study outlived what it ran on"
        self.hits += hit
        if code != 0 and (folder / out).exists():  # killed between the last rename and the end: it stands, and is whole
            return digests(folder / out)
        if code != 0:
            self.resumed += 1
            code, said = finish(start([*arguments, "--workers", "2"], folder))
        assert code == 0, said
        assert not list(folder.glob(f".{out}.*")), "something was left beside the run folder"
        return digests(folder / out)

    def _kill(self, process: "subprocess.Popen[str]", pid: int | None, out: str) -> bool:
        """Kill `pid`, or any worker of the process; whether it lived, and the study had not kept its last replications yet."""
        enough, folder = self.chance.randint(1, self.count - 6), self.scenario.parent
        while (have := count_kept(folder, out)) < enough and process.poll() is None:
            time.sleep(0.002)
        if pid is None:
            workers = children(process.pid)
            pid = self.chance.choice(workers) if workers else None
        if pid is None or process.poll() is not None:
            return False
        os.kill(pid, signal.SIGKILL)
        return have <= self.count - 4
