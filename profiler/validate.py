"""The real half of ``leadtime validate``: which device this is, what it can be asked to run, and a drawn queue run on it."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from profiler.torch_import import require_torch
from sim.cost.calibration import Calibration, Device
from sim.cost.validation import Order, Piece, QueuedJob, RanJob

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RealQueue:
    """What a run gave: each job's times, when it ended, and what may have disturbed it."""

    ran: list[RanJob]
    date: str
    notes: list[str]


def device_here(kind: str | None = None) -> Device:
    """This machine's device: its GPU where it has one, unless `kind` asks for the CPU. InputError where torch is missing."""
    require_torch()
    from profiler.device import choose, describe

    return describe(choose("cpu" if kind == "cpu" else "auto"))[0]


def pieces_for(calibration: Calibration) -> list[Piece]:
    """Pieces of work for this device with their predicted seconds; InputError where the calibration measured too little."""
    from profiler.queue_pieces import predicted_pieces

    return predicted_pieces(_torch_name(calibration), calibration)


def _torch_name(calibration: Calibration) -> str:
    return "cpu" if calibration.device.kind == "cpu" else "cuda"


def run_real_queue(
    pieces: Sequence[Piece], jobs: Sequence[QueuedJob], calibration: Calibration, *, slots: int, order: Order, progress: Progress | None
) -> RealQueue:
    """Run the queue on this device, which is the calibration's; InputError where a piece cannot be run."""
    from profiler.device import Moment, choose, now, state_notes
    from profiler.memory_speed import read_speed
    from profiler.real_queue import run_queue

    device = _torch_name(calibration)
    read = [read_speed()] if device == "cpu" else []
    before = Moment.now()
    with tempfile.TemporaryDirectory(prefix="leadtime-validate-") as folder:
        ran = run_queue(pieces, jobs, device=device, slots=slots, order=order, folder=Path(folder), progress=progress)
    notes = state_notes(choose(device), before, Moment.now())
    if read:
        notes.append(f"memory was read at {read[0] / 1e9:.0f} GB/s before and {read_speed() / 1e9:.0f} GB/s after")
    return RealQueue(ran, now(), notes)
