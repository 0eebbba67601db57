"""Studies that are killed at random moments and started again: what tests of the store and of the runner share, and the slow drill."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RUN = """\
import sys
from sim.cli import main
from sim.study import store

count, commit = open(sys.argv[1], "ab", 0), store.Store._commit
store.WORTH_KEEPING_S = 0.0
store.Store._commit = lambda self, *done: (commit(self, *done), count.write(b"."))
sys.exit(main(sys.argv[2:]))
"""
"""``leadtime`` that keeps every replication, and writes a byte to a file for each: nobody else may read its ledger."""


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def command(arguments: list[str], out: str, verb: str = "run") -> list[str]:
    """``leadtime run small.yaml`` to that folder; counts in ``OUT.count``."""
    return [sys.executable, "-c", RUN, f"{out}.count", verb, "small.yaml", "--set", "horizon=4 d", *arguments, "--out", out]


def start(arguments: list[str], cwd: Path, out: str, verb: str = "run") -> "subprocess.Popen[str]":
    """That command in a process group of its own."""
    line = command(arguments, out, verb)
    return subprocess.Popen(line, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Exit code and what it said on stderr."""
    said = process.communicate(timeout=120)[1]
    return process.returncode, said


def children(pid: int) -> list[int]:
    """Worker processes of a process, oldest first; not the tracker of resources that Python starts with them."""
    found = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "spawn_main" in line]


def count_kept(cwd: Path, out: str) -> int:
    """Replications that commands to that folder have kept."""
    count = cwd / f"{out}.count"
    return count.stat().st_size if count.exists() else 0


def wait_until_kept(process: "subprocess.Popen[str]", cwd: Path, out: str, enough: int = 2) -> int:
    """Wait for as many replications, or the end of the process; how many there are."""
    deadline = time.monotonic() + 120
    while (have := count_kept(cwd, out)) < enough and process.poll() is None:
        assert time.monotonic() < deadline, f"only {have} replications were kept within two minutes"
        time.sleep(0.002)
    return have


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


@dataclass
class Drill:
    """Kills one process of a study of about `count` replications at a random one, and starts the study again where it must be.

    `hits` counts kills that took a living process of a study that still had replications to run: only they show anything.
    """

    scenario: Path
    verb: str
    asked: tuple[str, ...]
    count: int
    chance: random.Random
    hits: int = 0
    resumed: int = 0

    @property
    def folder(self) -> Path:
        return self.scenario.parent

    def whole(self) -> dict[str, str]:
        """Digests of the folder of the same study that nobody killed, run in one process."""
        self._succeed("--workers", "1", out="whole")
        return digests(self.folder / "whole")

    def run(self, victim: str, out: str) -> dict[str, str]:
        """Digests of the folder that the study ends with."""
        if victim == "scheduler":
            with cluster(self.folder) as (address, scheduler):
                process = start([*self.asked, "--cluster", address], self.folder, out, self.verb)
                hit = self._kill(process, scheduler.pid, out)
                code, said = finish(process)
        else:
            process = start([*self.asked, "--workers", "2"], self.folder, out, self.verb)
            hit = self._kill(process, None if victim == "worker" else process.pid, out)
            code, said = finish(process)
        assert "Traceback" not in said, said
        if victim == "worker":
            assert code == 0, said
        elif hit and not (self.folder / out).exists():
            assert code != 0, "the study outlived what it ran on"
        self.hits += hit
        if code != 0 and (self.folder / out).exists():  # killed between the last rename and the end: it stands, and is whole
            code, said = finish(start([*self.asked, "--workers", "2"], self.folder, out, self.verb))
            assert code == 2, said
            assert "this study, finished" in said
        elif code != 0:
            self.resumed += 1
            self._succeed("--workers", "2", out=out)
        assert not list(self.folder.glob(f".{out}.*")), "something was left beside the run folder"
        return digests(self.folder / out)

    def _succeed(self, *arguments: str, out: str) -> None:
        code, said = finish(start([*self.asked, *arguments], self.folder, out, self.verb))
        assert code == 0, said

    def _kill(self, process: "subprocess.Popen[str]", pid: int | None, out: str) -> bool:
        """Kill `pid`, or any worker of the process; whether it lived, and the study had not kept its last replications yet."""
        have = wait_until_kept(process, self.folder, out, self.chance.randint(1, self.count - 6))
        if pid is None:
            workers = children(process.pid)
            pid = self.chance.choice(workers) if workers else None
        if pid is None or process.poll() is not None:
            return False
        os.kill(pid, signal.SIGKILL)
        return have <= self.count - 4
