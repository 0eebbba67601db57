"""How long one call takes: torch's benchmark timer on a CPU, CUDA events on a GPU with its L2 cache flushed before every call.

A call is warmed up first, and what it compiles then is nobody's time. Work that would take absurdly long, or longer than the profile has,
is refused after one call.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from torch.utils.benchmark import Timer

from profiler.probes import Work

ABSURD_S = 8.0
"""A call over this is no way to do the work; it is skipped with a note."""
FLUSH_BYTES = 256 * 2**20
"""More than any L2 cache."""
LEAST_CALLS, MOST_CALLS = 3, 200
WARM_S = 0.025
"""A GPU is kept busy this long before it is timed, that its clocks may rise (as triton's `do_bench` does)."""


class TooSlowError(Exception):
    """The operation exists, but takes too long here: `scope` is what need not be tried after this."""

    def __init__(self, message: str, scope: Literal["larger", "probe"]) -> None:
        super().__init__(message)
        self.scope: Literal["larger", "probe"] = scope


@dataclass(frozen=True)
class Timing:
    """Seconds a call takes within one process, over `calls` of them."""

    median_s: float
    p5_s: float
    p95_s: float
    calls: int


def try_call(work: Work, device: torch.device, times_larger: float) -> None:
    """Call twice; TooSlowError where work `times_larger` than this, at the second call's speed, would take absurdly long."""
    _first(work, device)
    expected_s = once(work.call, device) * times_larger
    if expected_s > ABSURD_S:
        raise TooSlowError(f"the largest shape would take about {expected_s:.0f} s a call", "probe")


def once(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, start to end; TooSlowError where that is absurd."""
    seconds = _seconds(call, device)
    if seconds > ABSURD_S:
        raise TooSlowError(f"one call took {seconds:.1f} s", "larger")
    return seconds


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _first(work: Work, device: torch.device) -> None:
    """The first call, which compiles where the work is compiled: that may take as long as compilers do."""
    if work.compiles:
        _seconds(work.call, device)
    else:
        once(work.call, device)


def time_call(work: Work, device: torch.device, repeat_s: float, limit_s: float = float("inf")) -> Timing:
    """Time the call for about `repeat_s` seconds and LEAST_CALLS calls after its warm-up; TooSlowError where `limit_s` would not do."""
    began = time.perf_counter()
    if work.compiles:
        _first(work, device)
        began = time.perf_counter()  # compiling is nobody's time
    last_s = once(work.call, device)
    calls = LEAST_CALLS + work.warm_up - 1
    needed_s = time.perf_counter() - began + calls * last_s
    if needed_s > limit_s:
        raise TooSlowError(f"{calls + 1} calls of {last_s:.2g} s are more than its share of the profile's time", "larger")
    for _ in range(work.warm_up - 1):
        last_s = once(work.call, device)
    samples, calls_each = _cuda_samples(work.call, repeat_s) if device.type == "cuda" else _cpu_samples(work.call, repeat_s, last_s)
    p5, median, p95 = np.quantile(samples, (0.05, 0.5, 0.95))
    return Timing(float(median), float(p5), float(p95), len(samples) * calls_each)


def _cpu_samples(call: Callable[[], object], repeat_s: float, last_s: float) -> tuple[list[float], int]:
    """Seconds a call and the calls averaged in each: fast ones are timed in blocks, that the clock's own time may not count."""
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    timed = timer.blocked_autorange(min_run_time=max(repeat_s, (LEAST_CALLS - 0.5) * last_s))
    times = list(timed.times)
    while len(times) * timed.number_per_run < LEAST_CALLS:  # one slow call may fill the time
        times += timer.timeit(timed.number_per_run).times
    return times, timed.number_per_run


@cache
def flush_buffer() -> torch.Tensor:
    """What is written between calls so that none finds its operands in the L2 cache; taken once, before any shape's memory is counted."""
    return torch.empty(FLUSH_BYTES, dtype=torch.int8, device="cuda")


def _cuda_samples(call: Callable[[], object], repeat_s: float) -> tuple[list[float], int]:
    """Seconds between two events around each call. The flush is queued before the first event: outside the time, and long enough for the
    host to queue the call behind it, so that a short kernel is not timed by the speed of its launch."""
    flush = flush_buffer()
    warm_until = time.perf_counter() + WARM_S
    while time.perf_counter() < warm_until:
        call()
        torch.cuda.synchronize()
    samples: list[float] = []
    while len(samples) < LEAST_CALLS or (sum(samples) < repeat_s and len(samples) < MOST_CALLS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        flush.zero_()
        start.record()
        call()
        end.record()
        end.synchronize()
        samples.append(start.elapsed_time(end) / 1e3)
    return samples, 1
