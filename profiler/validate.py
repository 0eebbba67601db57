"""The real half of ``leadtime validate``: which device this is, what it can be asked to run, and a drawn queue run on it."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from profiler.torch_import import require_torch
from sim.cost.calibration import Calibration, Device
from sim.cost.speeds import Speeds
from sim.cost.validation import Order, Piece, QueuedJob, RanJob

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RealQueue:
    """What a run gave: each job's times, when it ended, and what may have disturbed it."""

    ran: list[RanJob]
    date: str
    notes: list[str]

    @property
    def speeds(self) -> Speeds | None:
        """At the median job; None where none told."""
        return Speeds.usual(one.speeds for one in self.ran)


def device_here(kind: str | None = None) -> Device:
    """This machine's device: its GPU where it has one, unless `kind` asks for the CPU. InputError where torch is missing."""
    require_torch()
    from profiler.device import choose, describe

    return describe(choose("cpu" if kind == "cpu" else "auto"))[0]


def pieces_for(calibration: Calibration) -> list[Piece]:
    """Pieces of work for this device with their predicted seconds; InputError where the calibration measured too little."""
    from profiler.queue_pieces import predicted_pieces

    return predicted_pieces(_torch_name(calibration), calibration)


def at_speeds(pieces: Sequence[Piece], calibration: Calibration, speeds: Speeds | None) -> list[Piece] | None:
    """The same, predicted for memory and cores as fast as that; None where the speeds, or the calibration's own, are not known."""
    if speeds is None or calibration.speeds is None:
        return None
    from profiler.queue_pieces import predicted_again

    return predicted_again(pieces, calibration.at_speeds(speeds))


def _torch_name(calibration: Calibration) -> str:
    return "cpu" if calibration.device.kind == "cpu" else "cuda"


def run_real_queue(
    pieces: Sequence[Piece], jobs: Sequence[QueuedJob], calibration: Calibration, *, slots: int, order: Order, progress: Progress | None
) -> RealQueue:
    """Run the queue on this device, which is the calibration's; InputError where a piece cannot be run."""
    from profiler.device import Moment, choose, now, state_notes
    from profiler.real_queue import run_queue

    device = _torch_name(calibration)
    before = Moment.now()
    with tempfile.TemporaryDirectory(prefix="leadtime-validate-") as folder:
        ran = run_queue(pieces, jobs, device=device, slots=slots, order=order, folder=Path(folder), progress=progress)
    queue = RealQueue(ran, now(), state_notes(choose(device), before, Moment.now()))
    if queue.speeds is not None:
        usual = calibration.speeds
        queue.notes.append(f"at the median job, {queue.speeds}{f'; at the median of its profile, {usual}' if usual else ''}")
    return queue
