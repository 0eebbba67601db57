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
    """Seconds a call takes within one process, over `calls` of them."""

    median_s: float
    p5_s: float
    p95_s: float
    calls: int


def try_call(call: Callable[[], object], device: torch.device, times_larger: float) -> None:
    """Call twice; TooSlowError where work `times_larger` than this, at the second call's speed, would take absurdly long."""
    once(call, device)
    expected_s = once(call, device) * times_larger
    if expected_s > ABSURD_S:
        raise TooSlowError(f"the largest shape would take about {expected_s:.0f} s a call")


def once(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, start to end; TooSlowError where that is absurd."""
    began = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    if seconds > ABSURD_S:
        raise TooSlowError(f"one call took {seconds:.1f} s")
    return seconds


def time_call(call: Callable[[], object], device: torch.device, least_s: float, warm_up: int = 1) -> Timing:
    """Time `call` for about `least_s` seconds and LEAST_CALLS calls after `warm_up` (one or more), none of which may take absurdly long."""
    last_s = [once(call, device) for _ in range(warm_up)][-1]
    samples, calls_each = _cuda_samples(call, least_s) if device.type == "cuda" else _cpu_samples(call, least_s, last_s)
    p5, median, p95 = np.quantile(samples, (0.05, 0.5, 0.95))
    return Timing(float(median), float(p5), float(p95), len(samples) * calls_each)


def _cpu_samples(call: Callable[[], object], least_s: float, last_s: float) -> tuple[list[float], int]:
    """Seconds a call and the calls averaged in each: fast ones are timed in blocks, that the clock's own time may not count."""
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    timed = timer.blocked_autorange(min_run_time=max(least_s, (LEAST_CALLS - 0.5) * last_s))
    return list(timed.times), timed.number_per_run


def _cuda_samples(call: Callable[[], object], least_s: float) -> tuple[list[float], int]:
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
    return samples, 1
