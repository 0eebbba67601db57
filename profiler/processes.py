"""A fresh measuring process as its parent sees it: started, asked for one item after the other, and dead if it must be."""

import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from profiler.child_environment import child_environment
from profiler.measuring import ALONE_KIND, GROUPED_KIND, READY, Request, Sample

START_PATIENCE_S = 180.0
"""For torch to load, from a cold disk and on a busy machine."""
PATIENCE_S = 20.0
"""Beyond twice its time limit, before a silent process is given up."""
COMPILE_PATIENCE_S = 120.0
"""More, for a call that may compile first."""
IDLE_PATIENCE_S = 1.0
"""For an idle process to leave by itself."""


class DiedError(Exception):
    """A measuring process that ended, or was ended, without an answer; says how."""


class MeasuringProcess:
    """One fresh process; `wait` until it can measure, `ask` it for samples, and `close` it. DiedError where it ends without an answer."""

    def __init__(self, device: str, folder: Path, number: int, *, grouped: bool = False) -> None:
        """Start it, for probes that join a group or for the others; `number` seeds its random inputs."""
        kind = GROUPED_KIND if grouped else ALONE_KIND
        self._words = folder / f"{kind}.{number}.stderr"
        command = [sys.executable, "-m", "profiler.measuring", device, str(folder), str(number), kind]
        with self._words.open("wb") as words:
            # A session of its own: Ctrl-C is for the parent, whose end ends it (it listens to its stdin).
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, text=True, start_new_session=True,
                env=child_environment(device),
            )  # fmt: skip
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._compiles = not grouped

    def wait(self) -> Self:
        """This process, once it has loaded all that measuring needs."""
        try:
            self._answer(START_PATIENCE_S, READY)
        except BaseException:
            self.close()
            raise
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: Request) -> Sample:
        """The sample of one item."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request.model_dump_json() + "\n")
            self._process.stdin.flush()
        except OSError:
            raise DiedError(self._end()) from None
        patience_s = 2 * request.limit_s + PATIENCE_S + (COMPILE_PATIENCE_S if self._compiles else 0.0)
        return Sample.model_validate_json(self._answer(patience_s, "{"))

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _answer(self, patience_s: float, start: str) -> str:
        try:
            line = self._lines.get(timeout=patience_s)
        except queue.Empty:
            self._kill()
            raise DiedError(f"gave no answer in {patience_s:.0f} s and was ended") from None
        if not line.startswith(start):
            raise DiedError(self._end())
        return line

    def _end(self) -> str:
        """How it ended: its signal or exit code, and its last words."""
        try:
            code = self._process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._kill()
            code = self._process.returncode
        words = self._words.read_text(encoding="utf-8", errors="replace").strip().splitlines() if self._words.exists() else []
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return f"was ended by {name}" + (" (by the system if memory ran out)" if name == "SIGKILL" else "")
        return f"ended with code {code}: {words[-1] if words else 'no message'}"

    def close(self) -> None:
        """End it, kindly where it is idle."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=IDLE_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._kill()
        self._listener.join(timeout=PATIENCE_S)

    def _kill(self) -> None:
        """End it and the processes that its probes started."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
