"""A process that runs jobs of a real queue, one after the other, as it is told: it prepares and warms every piece first, then waits.

Nothing here needs torch until the process is up, so that an interrupt of the whole group finds it deaf already: its parent ends it.
"""

import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

READY = "ready"


@dataclass(frozen=True)
class WorkerPlan:
    """Pieces by probe name and shape, and what of the device the process may use."""

    pieces: tuple[tuple[str, dict[str, int]], ...]
    device: str
    threads: int
    folder: str


def serve(told: Connection, plan: WorkerPlan) -> None:
    """Prepare and warm every piece, say so, then run (piece, repeats) for each message and answer with its seconds; None ends it.

    What fails is answered as text.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    from profiler.probes import Work, all_probes
    from profiler.timing import settle

    torch.set_num_threads(plan.threads)
    device = torch.device(plan.device)

    def run(work: Work, repeats: int) -> float:
        began = time.perf_counter()
        for _ in range(repeats):
            work.call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    try:
        probes = all_probes()
        works = [probes[probe].prepare(shape, device, Path(plan.folder)) for probe, shape in plan.pieces]
        for work in works:
            run(work, work.warm_up + 1)
            settle(work.call)
        told.send(READY)
        while (message := told.recv()) is not None:
            piece, repeats = message
            told.send(run(works[piece], repeats))
    except EOFError:  # the parent is gone
        return
    except (RuntimeError, MemoryError, OSError) as error:  # torch says out of memory as a RuntimeError
        told.send(str(error).strip().partition("\n")[0] or type(error).__name__)
