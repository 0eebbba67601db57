"""Bytes to and from storage: real files on the disk that the calibration is written to, past the page cache as far as the system allows."""

import os
from pathlib import Path

import torch

from profiler.probes import Shape, Work

MIB = 2**20
BLOCK = 8 * MIB


def drop_cache(handle: int) -> None:
    """Ask the system to forget a file's cached pages (they must be clean)."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


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


class DiskRead(_Disk):
    name = family = "disk-read"
    measures = "read of a file, dropped from the page cache before"

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        path, buffer = folder / f"read-{shape['bytes']}", bytearray(BLOCK)
        write_file(path, os.urandom(BLOCK), shape["bytes"])
        return Work(lambda: read_file(path, buffer), float(shape["bytes"]), 0.0)


class DiskWrite(_Disk):
    name = family = "disk-write"
    measures = "write of a file, until the device has it"

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        path, block = folder / f"write-{shape['bytes']}", os.urandom(BLOCK)
        return Work(lambda: write_file(path, block, shape["bytes"]), float(shape["bytes"]), 0.0)


PROBES = (DiskRead(), DiskWrite())
