"""Bytes to and from storage: real files on the disk that the calibration is written to, past the page cache as far as the system allows."""

import os
from pathlib import Path

import torch

from profiler.probes import Shape, Work

MIB = 2**20
BLOCK = 8 * MIB
CACHED = 0.05
"""A share of cached blocks over this makes the reads doubtful."""


def drop_cache(handle: int) -> None:
    """Ask the system to forget a file's cached pages (they must be clean)."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


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


def write_file(path: Path, block: bytes, size: int) -> None:
    """Write `size` bytes and wait until the device has them."""
    with path.open("wb", buffering=0) as file:
        left = size
        while left > 0:
            left -= file.write(block[: min(left, len(block))])
        os.fsync(file.fileno())


def read_file(path: Path, buffer: bytearray) -> int:
    """Read a whole file whose cached pages were dropped first; returns the bytes read."""
    total = 0
    with path.open("rb", buffering=0) as file:
        drop_cache(file.fileno())
        while count := file.readinto(buffer):
            total += count
    return total


class _Disk:
    dtype = "bytes"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:  # noqa: ARG002
        sizes = (8, 16, 24, 32, 48, 64) if quick else (16, 32, 64, 96, 128, 192, 256, 384, 512, 768)
        return [{"bytes": size * MIB} for size in sizes]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return float(shape["bytes"]), 0.0


class DiskRead(_Disk):
    name = family = "disk-read"
    measures = "read of a file, dropped from the page cache before"

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        path, buffer = folder / f"read-{shape['bytes']}", bytearray(BLOCK)
        write_file(path, os.urandom(BLOCK), shape["bytes"])
        cached = cached_share(path)
        note = None
        if cached is None:
            note = "disk-read: whether the page cache let go of the files cannot be told here"
        elif cached > CACHED:
            note = "disk-read: the page cache kept some of the files, so reads look faster than the disk is"
        return Work(lambda: read_file(path, buffer), *self.counts(shape), note=note)


class DiskWrite(_Disk):
    name = family = "disk-write"
    measures = "write of a file, until the device has it"

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        path, block = folder / f"write-{shape['bytes']}", os.urandom(BLOCK)
        return Work(lambda: write_file(path, block, shape["bytes"]), *self.counts(shape))


PROBES = (DiskRead(), DiskWrite())
