"""How long one call takes: torch's benchmark timer on a CPU, CUDA events on a GPU with its L2 cache flushed before every call."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.benchmark import Timer

ABSURD_S = 8.0
"""A first call over this is no way to do the work; the shape is skipped with a note."""
FLUSH_BYTES = 256 * 2**20
"""More than any L2 cache."""
LEAST_CALLS, MOST_CALLS = 3, 200


class TooSlowError(Exception):
    """The operation exists, but is absurdly slow here."""


@dataclass(frozen=True)
class Timing:
    """Seconds a call takes within one process."""

    median_s: float
    p5_s: float
    p95_s: float
    calls: int


def time_call(call: Callable[[], object], device: torch.device, least_s: float) -> Timing:
    """Time `call` for about `least_s` seconds, after one warm-up that must not take absurdly long."""
    began = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    first = time.perf_counter() - began
    if first > ABSURD_S:
        raise TooSlowError(f"one call took {first:.1f} s")
    samples = _cuda_samples(call, least_s) if device.type == "cuda" else _cpu_samples(call, least_s)
    p5, median, p95 = np.quantile(samples, (0.05, 0.5, 0.95))
    return Timing(float(median), float(p5), float(p95), len(samples))


def _cpu_samples(call: Callable[[], object], least_s: float) -> list[float]:
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    return list(timer.blocked_autorange(min_run_time=least_s).times)


def _cuda_samples(call: Callable[[], object], least_s: float) -> list[float]:
    flush = torch.empty(FLUSH_BYTES, dtype=torch.int8, device="cuda")
    samples: list[float] = []
    while len(samples) < LEAST_CALLS or (sum(samples) < least_s and len(samples) < MOST_CALLS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        flush.zero_()
        start.record()
        call()
        end.record()
        end.synchronize()
        samples.append(start.elapsed_time(end) / 1e3)
    return samples
