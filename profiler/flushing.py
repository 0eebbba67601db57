"""What pushes an earlier call's operands and results out of a device's caches, so that the next call finds its own in memory.

A training step or a merge passes over far more than any cache holds before it comes back to a tensor; a call repeated at once finds all of
it in the last cache (measured on two Zen 5 cores with 32 MiB of it: fits of such calls predicted training steps at 0.82 to 0.95 of what
they take, fits of flushed ones at 0.93 to 0.98). On a CPU the caches are filled by reading: lines that were written would be written back
later, on the next call's time.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

UNKNOWN_BYTES = 256 * 2**20
"""More than the L2 cache of any GPU, and than most CPUs' last ones."""
TIMES = 2
"""A cache keeps some of its lines while as many bytes as it holds pass through."""
CPUS = Path("/sys/devices/system/cpu")
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


def flush_on(device: torch.device) -> Callable[[], object]:
    """The call that flushes this device's caches; on a GPU it is queued as any kernel is."""
    buffer = buffer_on(device)
    return buffer.zero_ if device.type == "cuda" else buffer.sum


@cache
def buffer_on(device: torch.device) -> torch.Tensor:
    """What is read or written through; taken once."""
    known = None if device.type == "cuda" else last_caches_bytes(CPUS)
    return torch.zeros((TIMES * known if known else UNKNOWN_BYTES) // 4, dtype=torch.float32, device=device)


def last_caches_bytes(cpus: Path) -> int | None:
    """Bytes of all last-level caches of the system, from Linux's `cpus` folder; None where that does not tell."""
    found: dict[str, tuple[int, int]] = {}
    for index in cpus.glob("cpu[0-9]*/cache/index[0-9]*"):
        try:
            level, size, shared = ((index / name).read_text().strip() for name in ("level", "size", "shared_cpu_list"))
            of_index = int(level), int(size[:-1]) * UNITS[size[-1]]
        except (OSError, ValueError, KeyError, IndexError):
            return None
        found[shared] = max(found.get(shared, (0, 0)), of_index)
    last = max((level for level, _ in found.values()), default=None)
    return sum(size for level, size in found.values() if level == last) if last else None
