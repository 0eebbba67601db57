"""Worker processes of this machine.

They are spawned, not forked: the dashboard has threads, and a forked child may inherit a lock that nobody will release. A spawned child
normally runs the parent's main module again; ours need nothing of it (and Streamlit's is a page), so it is out of sight while they start.
Each worker holds the reading end of a pipe whose only writing end is here: when this process ends, however it ends, they end too.
"""

import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from threading import Lock, Thread
from types import ModuleType

_starting = Lock()


class _Worker(SpawnProcess):
    def start(self) -> None:
        with _starting:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                super().start()
            finally:
                sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Worker


def _begin(alive: Connection) -> None:
    """Runs first in each worker: Ctrl-C is the parent's to handle, and a worker does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        alive.poll(None)
        os._exit(0)

    Thread(target=follow, daemon=True).start()


class Processes:
    """A `Site` of `slots` processes."""

    where = "this machine"
    lost: tuple[type[BaseException], ...] = (BrokenProcessPool,)
    gone: tuple[type[BaseException], ...] = ()

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._pool: ProcessPoolExecutor | None = None
        self._alive: Connection | None = None

    def executor(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = _Context()
            reader, self._alive = context.Pipe(duplex=False)
            self._pool = ProcessPoolExecutor(self.slots, mp_context=context, initializer=_begin, initargs=(reader,))
        return self._pool

    def renew(self) -> None:
        self.close()

    def close(self) -> None:
        if self._pool is not None and self._alive is not None:
            self._alive.close()
            self._pool.shutdown(cancel_futures=True)
        self._pool = self._alive = None
