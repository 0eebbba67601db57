"""A process that runs jobs of a real queue, one after the other, as it is told: it prepares and warms every piece first, then waits.

Nothing here needs torch until the process is up, so that an interrupt of the whole group finds it deaf already: its parent ends it.
"""

import signal
import time
from dataclasses import dataclass, replace
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from profiler.probes import Probe, Work
    from sim.cost.speeds import Speeds

READY = "ready"
SETS = 3
"""Of a merge's operands on a CPU: a merge of whole models goes from tensor to tensor and comes back to none, while one tensor merged again
at once is partly in the last cache (measured: a tenth faster). A GPU's cache holds none of its pieces."""


@dataclass(frozen=True)
class WorkerPlan:
    """Pieces by probe name and shape, and what of the device the process may use.

    It `tells_speeds` where nobody else of the queue uses the device meanwhile.
    """

    pieces: tuple[tuple[str, dict[str, int]], ...]
    device: str
    threads: int
    folder: str
    tells_speeds: bool


@dataclass(frozen=True)
class Told:
    """Of a job that ran: its seconds, and how fast memory and cores were right after."""

    busy_s: float
    speeds: "Speeds | None"


def _in_turn(probe: "Probe", shape: dict[str, int], device: "torch.device", folder: Path) -> "Work":
    """A piece's call; one that is timed cold goes over several sets of operands in turn, so that it too finds none of them in a cache."""
    works = [probe.prepare(shape, device, folder)]
    if works[0].cold and device.type == "cpu":
        works += [probe.prepare(shape, device, folder) for _ in range(SETS - 1)]
    turns = cycle(works)
    return replace(works[0], call=lambda: next(turns).call(), warm_up=len(works) * works[0].warm_up)


def serve(told: Connection, plan: WorkerPlan) -> None:
    """Prepare and warm every piece, say so, then run (piece, repeats) for each message and answer with what it took (`Told`); None ends it.

    What fails is answered as text.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    from profiler.probes import all_probes
    from profiler.speeds import speeds_now
    from profiler.timing import settle

    torch.set_num_threads(plan.threads)
    device = torch.device(plan.device)

    def run(work: "Work", repeats: int) -> float:
        began = time.perf_counter()
        for _ in range(repeats):
            work.call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    try:
        probes = all_probes()
        works = [_in_turn(probes[probe], shape, device, Path(plan.folder)) for probe, shape in plan.pieces]
        for work in works:
            run(work, work.warm_up + 1)
            if device.type == "cpu":
                settle(work.call)
        if plan.tells_speeds:
            speeds_now()
        told.send(READY)
        while (message := told.recv()) is not None:
            piece, repeats = message
            told.send(Told(run(works[piece], repeats), speeds_now() if plan.tells_speeds else None))
    except EOFError:  # the parent is gone
        return
    except (RuntimeError, MemoryError, OSError) as error:  # torch says out of memory as a RuntimeError
        told.send(str(error).strip().partition("\n")[0] or type(error).__name__)
