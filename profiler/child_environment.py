"""What every process that measures or runs work here is started with: it keeps its memory, and compiles by itself.

glibc gives large blocks back to the system, which maps and clears them afresh on the next call, depending on what the process freed before:
measured on two Zen 5 cores, a cross-entropy backward took 80 ms so and 18 ms with its memory kept, an AdamW step 7 and 3.5. Trained models
reuse their memory step by step, and so does what is measured here; PyTorch's tuning guide advises an allocator that does.

torch's compiler starts a process for each core at the first kernel it compiles, and each loads torch: for seconds whatever a CPU measures
next shares its cores with them (measured: 100 ms for a product that takes 0.14). What a GPU measures does not, and many compile faster.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

KEEPING = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 26)}
"""What glibc reads when a process starts (mallopt(3)): no block mapped on its own, nothing given back, 64 MiB asked for at a time."""

COMPILING = {"TORCHINDUCTOR_COMPILE_THREADS": "1"}
"""What torch's compiler reads: kernels for a CPU are compiled in the process that wants them."""


def child_environment(device: str) -> dict[str, str]:
    """The whole environment for such a process, which measures on a device of this type."""
    return os.environ | KEEPING | (COMPILING if device == "cpu" else {})


@contextmanager
def of_children(device: str) -> Iterator[None]:
    """Processes started within this block have that environment."""
    before = {name: os.environ.get(name) for name in KEEPING | COMPILING}
    os.environ.update(child_environment(device))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def give_back() -> None:
    """Give all that is free back to the system, where the C library can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
