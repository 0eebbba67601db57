"""Memory that a CPU process lets go of is kept for its next result, in every process that measures or runs work here.

glibc gives large blocks back to the system, which maps and clears them afresh on the next call, depending on what the process freed before:
measured on two Zen 5 cores, a cross-entropy backward took 80 ms so and 18 ms with its memory kept, an AdamW step 7 and 3.5. Trained models
reuse their memory step by step, and so does what is measured here; PyTorch's tuning guide advises an allocator that does.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

KEEPING = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 26)}
"""What glibc reads when a process starts (mallopt(3)): no block mapped on its own, nothing given back, 64 MiB asked for at a time."""


def keeping_environment() -> dict[str, str]:
    """This process's environment for a child that keeps its memory."""
    return os.environ | KEEPING


@contextmanager
def children_keep_memory() -> Iterator[None]:
    """Processes started within this block keep their memory."""
    before = {name: os.environ.get(name) for name in KEEPING}
    os.environ.update(KEEPING)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def give_back() -> None:
    """Give all that is free back to the system, where the C library can: between shapes, none of which should find another's memory."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
