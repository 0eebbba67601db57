"""Worker processes of this machine, as an executor that outlives any of them.

The standard library's pool shares its pipes: a worker killed while it answers leaves half a message in one, and the pool waits for the
other half for good. Here a thread stands for each worker and alone holds the other end of its pipe, so that a death is the end of that
pipe, and costs the one call that was running there.

Workers are spawned, not forked: the dashboard has threads, and a forked child may inherit a lock that nobody will release. A spawned child
normally runs the parent's main module again; ours need nothing of it (and Streamlit's is a page), so it is out of sight while they start.
"""

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.resource_tracker import ensure_running
from queue import SimpleQueue
from threading import Lock, Thread
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from sim.scenario.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")
Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]

_starting = Lock()


class WorkerDiedError(Exception):
    """The process that ran a call ended before it answered."""


class Processes(Executor):
    """`slots` worker processes, each started when there is a call for it. Also the `Site` of this machine."""

    where = "this machine"
    lost: tuple[type[BaseException], ...] = (WorkerDiedError,)
    gone: tuple[type[BaseException], ...] = ()

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.executor: Executor = self
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._workers: set[SpawnProcess] = set()
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._calls.put((future, fn, args, kwargs))
        if len(self._threads) < self.slots:
            self._threads.append(Thread(target=self._serve, daemon=True))
            self._threads[-1].start()
        return future

    def close(self) -> None:
        """End the workers at once, whatever they run."""
        self._closed = True
        for _ in self._threads:
            self._calls.put(None)
        for worker in list(self._workers):
            worker.kill()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        """One worker's calls, one after the other; a thread."""
        pipe: Connection | None = None
        while (call := self._calls.get()) is not None and not self._closed:
            future, *what = call
            if not future.set_running_or_notify_cancel():
                continue
            try:
                pipe = pipe or self._start()
                pipe.send(what)
                error, result = pipe.recv()
            except (EOFError, ConnectionError):
                pipe = None
                future.set_exception(WorkerDiedError())
            except OSError as failure:
                future.set_exception(InputError.of(f"no worker process can be started: {failure.strerror}", where=self.where))
            else:
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(error)
        if pipe is not None:
            pipe.close()

    def _start(self) -> Connection:
        context = SpawnContext()
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(theirs,), daemon=True)
        with _starting:
            ensure_running()  # Python's tracker of resources: its start would let SIGINT through again
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a worker inherits it: Ctrl-C is for this process alone
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                worker.start()
            finally:
                sys.modules["__main__"] = main
                theirs.close()
            self._workers = {one for one in self._workers if one.is_alive()} | {worker}
        if self._closed:
            worker.kill()
        return ours


def _work(pipe: Connection) -> None:
    """Answer calls until the parent closes the pipe or is no more."""
    Thread(target=_follow_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        while True:
            fn, args, kwargs = pipe.recv()
            try:
                answer: tuple[Exception | None, Any] = (None, fn(*args, **kwargs))
            except Exception as error:
                answer = (error, None)
            pipe.send(answer)


def _follow_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
