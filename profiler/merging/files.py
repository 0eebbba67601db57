"""Bytes from and to files as streams move them: read where they lie, written past the page cache where the system can."""

import mmap
import os
from pathlib import Path

import numpy as np

ALIGNED = 4096
"""Bytes to which the system holds offsets and lengths past its cache."""
STAGE = 8 * 2**20


def drop_cache(handle: int, offset: int = 0, length: int = 0) -> None:
    """Ask the system to forget a file's cached pages (they must be clean), or those that lie wholly in a part of it."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, offset, length, os.POSIX_FADV_DONTNEED)


def unread_ahead(handle: int) -> None:
    """Tell the system that reads through this handle are few and far between, so that it reads nothing besides."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)


def read_into(handle: int, buffer: memoryview, offset: int) -> None:
    """Fill a buffer from a place in a file; OSError where the file ends before."""
    done = 0
    while done < len(buffer):
        count = os.preadv(handle, [buffer[done:]], offset + done)
        if count == 0:
            raise OSError(0, "a file ended while it was read")
        done += count


class AppendedFile:
    """A new file that grows at its end, through one aligned stage; closed, the device has it."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            self._handle = os.open(path, flags | getattr(os, "O_DIRECT", 0), 0o644)
        except OSError:  # this file system has no way past its cache
            path.unlink(missing_ok=True)
            self._handle = os.open(path, flags, 0o644)
        self._stage = np.frombuffer(mmap.mmap(-1, STAGE), np.uint8)  # numpy copies while other threads run, Python's slices do not
        self._filled = self._written = 0

    def append(self, data: memoryview) -> None:
        at, given = 0, np.frombuffer(data, np.uint8)
        while at < len(data):
            count = min(STAGE - self._filled, len(data) - at)
            self._stage[self._filled : self._filled + count] = given[at : at + count]
            self._filled += count
            at += count
            if self._filled == STAGE:
                self._flush(STAGE)

    def close(self) -> None:
        """Write what is left, padded as the system wants it and cut to size after, and wait for the device."""
        length = self._written + self._filled
        self._flush(-(-self._filled // ALIGNED) * ALIGNED)
        os.ftruncate(self._handle, length)
        os.fsync(self._handle)
        self.abandon()

    def abandon(self) -> None:
        os.close(self._handle)

    def _flush(self, size: int) -> None:
        done = 0
        while done < size:
            done += os.pwrite(self._handle, self._stage[done:size].data, self._written + done)
        self._written += size
        self._filled = 0
