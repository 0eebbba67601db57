"""A group of processes for collectives: this one, which times them, and helpers that take part when told.

NCCL with a process a GPU where there are several, else gloo between two processes on the CPU. Helpers end when this process does: the pipe
that tells them what to do then closes.
"""

import atexit
import tempfile
from collections.abc import Callable
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import torch
import torch.distributed as dist

Collective = Literal["all-reduce", "all-gather", "reduce-scatter"]
GO = b"go"


def members(device: str) -> int:
    """Processes in the group: one a GPU, or two on a CPU."""
    return 2 if device == "cpu" else torch.cuda.device_count()


def prepared(collective: Collective, bytes_each: int, rank: int, device: str) -> Callable[[], object]:
    """The collective's call on this rank, over `bytes_each` of fp32: the whole of what is reduced, gathered to, or scattered from."""
    world, here = members(device), torch.device(device, rank) if device == "cuda" else torch.device("cpu")
    part = max(bytes_each // 4 // world, 1)
    whole, own = torch.ones(part * world, device=here), torch.ones(part, device=here)
    if collective == "all-reduce":
        return lambda: dist.all_reduce(whole)
    if collective == "all-gather":
        return lambda: dist.all_gather_into_tensor(whole, own)
    return lambda: dist.reduce_scatter_tensor(own, whole)


def _join(rank: int, device: str, meeting: str) -> None:
    """With one thread for its own arithmetic: on a CPU, one waiting for work would spin on the core that another member needs."""
    torch.set_num_threads(1)
    if device == "cuda":
        torch.cuda.set_device(rank)
    backend, own = ("nccl", torch.device("cuda", rank)) if device == "cuda" else ("gloo", None)
    # Of a GPU that is named, NCCL connects now and not within the first collective that is timed.
    dist.init_process_group(backend, init_method=f"file://{meeting}", rank=rank, world_size=members(device), device_id=own)


def _help(told: Connection, rank: int, device: str, meeting: str) -> None:
    """Take part in every collective that is told, until the pipe closes. What fails here fails in the telling process too."""
    _join(rank, device, meeting)
    call: Callable[[], object] = lambda: None  # noqa: E731  replaced by the first thing told
    while True:
        try:
            word = told.recv_bytes()
        except (EOFError, OSError):
            return
        if word == GO:
            call()
        else:
            collective, bytes_each = told.recv()
            call = prepared(collective, bytes_each, rank, device)


class ProcessGroup:
    """This process as rank 0."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._folder = tempfile.TemporaryDirectory(prefix="leadtime-group-")
        meeting = str(Path(self._folder.name) / "meeting")
        context, self._pipes = get_context("spawn"), []
        for rank in range(1, members(device)):
            ours, theirs = context.Pipe()
            context.Process(target=_help, args=(theirs, rank, device, meeting), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)
        _join(0, device, meeting)
        atexit.register(self.close)

    def call(self, collective: Collective, bytes_each: int) -> Callable[[], object]:
        """A call of the collective by every member."""
        own = prepared(collective, bytes_each, 0, self._device)
        for pipe in self._pipes:
            pipe.send_bytes(b"next")
            pipe.send((collective, bytes_each))

        def run() -> object:
            for pipe in self._pipes:
                pipe.send_bytes(GO)
            return own()

        return run

    def close(self) -> None:
        """Let the helpers go."""
        for pipe in self._pipes:
            pipe.close()
        if dist.is_initialized():
            dist.destroy_process_group()


@cache
def group_here(device: str) -> ProcessGroup:
    """The group of this process, made when it is first asked for: starting helpers takes seconds."""
    return ProcessGroup(device)
