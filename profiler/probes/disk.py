"""Bytes to and from storage: real safetensors files on the disk that the calibration is written to, moved as a merge moves them.

Files are read after their pages were dropped from the cache, and written past it as far as the system allows, until the device has them.
Many a disk reads and writes at once no faster than one after the other: how fast it does both is measured too.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from profiler.merging.files import AppendedFile, drop_cache, read_into
from profiler.merging.shards import SINGLE, StoredModel, head, stored_model
from profiler.probes import Shape, Work

MIB = 2**20
BLOCK = 16 * MIB
CACHED = 0.05
"""A share of cached blocks over this makes the reads doubtful."""


def cached_share(path: Path) -> float | None:
    """Share of a file's blocks that answer without waiting for the disk, just after its pages were dropped; None where that cannot be told.

    Only this system's page cache is seen: a cache below it, in a disk or in the host of a virtual machine, looks like a fast disk.
    """
    if not hasattr(os, "RWF_NOWAIT"):
        return None
    block, cached, blocks = bytearray(4096), 0, 0
    with path.open("rb", buffering=0) as file:
        drop_cache(file.fileno())
        for offset in range(0, path.stat().st_size, MIB):
            blocks += 1
            try:
                cached += os.preadv(file.fileno(), [block], offset, os.RWF_NOWAIT) > 0
            except BlockingIOError:
                continue
            except OSError:
                return None
    return cached / blocks if blocks else None


def write_model(path: Path, block: memoryview, size: int) -> None:
    """A new safetensors file of one tensor of `size` bytes, a block repeated; returns when the device has it."""
    path.unlink(missing_ok=True)
    file = AppendedFile(path)
    file.append(memoryview(head({"weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})))
    for first in range(0, size, len(block)):
        file.append(block[: min(len(block), size - first)])
    file.close()


def read_model(model: StoredModel, buffer: memoryview) -> int:
    """Read every shard of a model from end to end, its cached pages dropped first; returns the bytes read."""
    for shard, size in model.shards.items():
        with (model.folder / shard).open("rb", buffering=0) as file:
            drop_cache(file.fileno())
            for first in range(0, size, len(buffer)):
                read_into(file.fileno(), buffer[: min(len(buffer), size - first)], first)
    return sum(model.shards.values())


def _block() -> memoryview:
    return np.frombuffer(bytearray(os.urandom(BLOCK)), np.uint8).data


class _Disk:
    dtype = "bytes"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:  # noqa: ARG002
        sizes = (8, 16, 24, 32, 48, 64) if quick else (16, 24, 32, 48, 64, 80, 96, 128, 160, 192)
        return [{"bytes": size * MIB} for size in sizes]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return float(shape["bytes"]), 0.0


class DiskRead(_Disk):
    name = family = "disk-read"
    measures = "read of a safetensors file, dropped from the page cache before"

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        model, buffer = _made(folder / f"read-{shape['bytes']}", shape["bytes"]), _block()
        return Work(lambda: read_model(model, buffer), *self.counts(shape), note=_doubt(model), cold=False, settles=False)


class DiskWrite(_Disk):
    name = family = "disk-write"
    measures = "write of a safetensors file, until the device has it"

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        path, block = folder / f"write-{shape['bytes']}", _block()
        return Work(lambda: write_model(path, block, shape["bytes"]), *self.counts(shape), cold=False, settles=False)


class DiskBoth(_Disk):
    name = family = "disk-both"
    measures = "read of one safetensors file while another as large is written; bytes of both"

    def counts(self, shape: Shape) -> tuple[float, float]:
        return 2.0 * shape["bytes"], 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        size, block, buffer = shape["bytes"], _block(), _block()
        model, path = _made(folder / f"both-{size}", size), folder / f"write-{size}"
        writer = ThreadPoolExecutor(1)

        def both() -> None:
            written = writer.submit(write_model, path, block, size)
            read_model(model, buffer)
            written.result()

        return Work(both, *self.counts(shape), note=_doubt(model), cold=False, settles=False)


def _made(folder: Path, size: int) -> StoredModel:
    folder.mkdir()
    write_model(folder / SINGLE, _block(), size)
    return stored_model(folder)


def _doubt(model: StoredModel) -> str | None:
    """What reads of this model should be believed with, if not wholly."""
    cached = max((share for shard in model.shards if (share := cached_share(model.folder / shard)) is not None), default=None)
    if cached is None:
        return "disk: whether the page cache let go of the files cannot be told here"
    return "disk: the page cache kept some of the files, so reads look faster than the disk is" if cached > CACHED else None


PROBES = (DiskRead(), DiskWrite(), DiskBoth())
