"""A queue run for real on this device: jobs come when they come, wait in order, and are sent to slots as these fall free.

Each slot has several processes, prepared and warmed before the clock starts, of which one at a time has work: they take turns at every
piece, so that a queue shows how far processes differ, which no single one can.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heappop, heappush
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

from profiler.child_environment import of_children
from profiler.queue_pieces import PROCESSES_A_SLOT
from profiler.queue_worker import READY, Told, WorkerPlan, serve
from sim.cost.validation import Order, Piece, QueuedJob, RanJob
from sim.scenario.errors import InputError

Progress = Callable[[int, int], None]


def run_queue(
    pieces: Sequence[Piece],
    jobs: Sequence[QueuedJob],
    *,
    device: str,
    slots: int,
    order: Order,
    folder: Path,
    progress: Progress | None = None,
) -> list[RanJob]:
    """Run every job (in the order of their arrivals) and say what happened to each; `progress` hears of jobs done and in all.

    On a CPU, a slot has its share of the cores. InputError where a process cannot prepare or run a piece.
    """
    known = tuple((piece.probe, piece.shape) for piece in pieces)
    plan = WorkerPlan(known, device, max(1, cpu_cores() // slots), str(folder), tells_speeds=device == "cpu" and slots == 1)
    with _workers(plan, slots * PROCESSES_A_SLOT) as connections:
        return _Dispatch(jobs, connections, slots, order, progress).run()


@contextmanager
def _workers(plan: WorkerPlan, count: int) -> Iterator[list[Connection]]:
    """Processes that are ready, by their connections; gone when the block ends, however it ends."""
    context = get_context("spawn")
    pairs = [context.Pipe() for _ in range(count)]
    processes = [context.Process(target=serve, args=(theirs, plan), daemon=True) for _, theirs in pairs]
    ours = [one for one, _ in pairs]
    try:
        with of_children(plan.device):
            for process in processes:
                process.start()
        for _, theirs in pairs:
            theirs.close()
        for connection in ours:
            _heard(connection)
        yield ours
        for connection in ours:
            connection.send(None)
        for process in processes:
            process.join(timeout=5)
    finally:
        for process in processes:
            if process.pid is not None:
                process.terminate()
                process.join()
        for connection in ours:
            connection.close()


def _heard(connection: Connection) -> Told | None:
    """What a process answered: None that it is ready, or of a job; InputError where it failed or died."""
    try:
        answer = connection.recv()
    except (EOFError, ConnectionError):
        raise InputError.of("a process of the queue died, perhaps for want of memory; give fewer --workers") from None
    if answer == READY:
        return None
    if isinstance(answer, str):
        raise InputError.of(f"a process of the queue failed: {answer}; nothing was written")
    told: Told = answer
    return told


class _Dispatch:
    """The queue at work: `waiting` by rank, free slots, and which process has which job."""

    def __init__(
        self, jobs: Sequence[QueuedJob], connections: Sequence[Connection], slots: int, order: Order, progress: Progress | None
    ) -> None:
        self._jobs, self._connections, self._progress = jobs, connections, progress
        self._by_priority = order == "priority"
        self._waiting: list[tuple[int, int]] = []
        self._free = list(range(slots))
        self._slots = slots
        self._running: dict[Connection, tuple[int, int, int, float]] = {}
        self._runs: Counter[tuple[int, int | None]] = Counter()  # by process and piece, and by process
        self._ran: dict[int, RanJob] = {}
        self._arrived = 0

    def run(self) -> list[RanJob]:
        self._began = time.monotonic()
        while len(self._ran) < len(self._jobs):
            self._take_arrivals()
            while self._free and self._waiting:
                self._send(heappop(self._waiting)[1])
            self._listen()
        return [self._ran[index] for index in range(len(self._jobs))]

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _take_arrivals(self) -> None:
        while self._arrived < len(self._jobs) and self._jobs[self._arrived].arrival_s <= self._now():
            rank = -self._jobs[self._arrived].priority if self._by_priority else 0
            heappush(self._waiting, (rank, self._arrived))
            self._arrived += 1

    def _send(self, job: int) -> None:
        slot, piece = self._free.pop(), self._jobs[job].piece
        of_slot = range(slot, len(self._connections), self._slots)
        process = min(of_slot, key=lambda one: (self._runs[one, piece], self._runs[one, None]))
        self._runs[process, piece] += 1
        self._runs[process, None] += 1
        connection = self._connections[process]
        self._running[connection] = (job, slot, process, self._now())
        connection.send((piece, self._jobs[job].repeats))

    def _listen(self) -> None:
        """Wait for the next end or the next arrival, and note what ended."""
        left = self._jobs[self._arrived].arrival_s - self._now() if self._arrived < len(self._jobs) else None
        if not self._running:
            time.sleep(max(left or 0.0, 0.0))
            return
        for heard in wait(list(self._running), None if left is None else max(left, 0.0)):
            connection = cast(Connection, heard)
            told = _heard(connection)
            end_s = self._now()
            assert told is not None
            job, slot, process, start_s = self._running.pop(connection)
            self._free.append(slot)
            self._ran[job] = RanJob(start_s, end_s, told.busy_s, process, told.speeds)
            if self._progress is not None:
                self._progress(len(self._ran), len(self._jobs))


def cpu_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
