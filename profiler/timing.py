"""How long one call takes, by the clock on a CPU and by CUDA events on a GPU, with its operands out of the caches where that is asked for.

A call is warmed up first, and what it compiles then is nobody's time. Work that would take absurdly long, or longer than the profile has,
is refused after one call.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from profiler.flushing import flush_on
from profiler.probes import Work
from profiler.yardstick import yardstick

if sys.platform != "win32":
    import resource

ABSURD_S = 8.0
"""A call over this is no way to do the work; it is skipped with a note."""
LEAST_CALLS, MOST_CALLS = 3, 200
LONG_S = 1.0
"""A call over this is timed once in each process, unsettled: what varies from call to call has evened out within it."""
LONG_WARM_UP = 2
"""Calls before one that long is believed: a first one also waits for the memory that it is given (1.2 s, for a loss that takes 0.06)."""
PATIENCE = 1.5
"""Times the seconds of timed calls, for these and the flushes between them: fast calls have fewer samples, not a longer turn."""
MOST_SETTLING, MOST_SETTLING_S = 8, 0.5
"""A heap grows for several calls until it has room for all that one needs at a time (a loss and its backward pass, in a row: 15.4, 15.3 and
8.5 ms from then on)."""
FEW_PAGES = 64
"""A call that is given fewer has all that it needs."""
FLUSHES, FLUSHING_S = 3, 0.01
"""Of a CPU's caches before each call: one empties them, and several tell how fast memory is just then, unless the first takes as long as
that (28 ms where two cores see a last cache of 300 MiB: three before each call left 643 of a profile's 1083 shapes without their time)."""
PRODUCTS = 3
"""Of the yardstick before the flushes, after one that brings its operands back into the caches."""
WARM_S = 0.025
"""A GPU is kept busy this long before it is timed, that its clocks may rise (as triton's `do_bench` does)."""


AHEAD = 2.0
"""Times the host's seconds for queueing a call, that a GPU is kept at flushes before it: the host may be slower the next time."""
MOST_AHEAD = 50
"""Flushes before a call: what takes the host longer to queue, it queues so slowly in a real run too."""


class TooSlowError(Exception):
    """The operation exists, but takes too long here; more of it need not be tried."""


@dataclass(frozen=True)
class Timing:
    """Seconds a call takes within one process, over `calls` of them, after `compiling_s` of a first one that compiled; meanwhile, a flush
    of a CPU's caches took `flush_s`, the yardstick `product_s`."""

    median_s: float
    p5_s: float
    p95_s: float
    calls: int
    compiling_s: float = 0.0
    flush_s: float | None = None
    product_s: float | None = None


def once(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, start to end; TooSlowError where that is absurd."""
    seconds = _seconds(call, device)
    if seconds > ABSURD_S:
        raise TooSlowError(f"one call took {seconds:.1f} s")
    return seconds


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    began = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def time_call(work: Work, device: torch.device, repeat_s: float, limit_s: float = float("inf")) -> Timing:
    """Time the call for about `repeat_s` seconds and LEAST_CALLS calls after its warm-up, or once where it is long; TooSlowError where
    `limit_s` would not do."""
    compiling_s = _seconds(work.call, device) if work.compiles != "never" else 0.0
    began = time.perf_counter()
    last_s = once(work.call, device)
    warm_up = max(work.warm_up, LONG_WARM_UP) if last_s >= LONG_S else work.warm_up
    calls = _least_calls(last_s) + warm_up - 1
    needed_s = time.perf_counter() - began + calls * last_s
    if needed_s > limit_s:
        raise TooSlowError(f"{calls + 1} calls of {last_s:.2g} s are more than its share of the profile's time")
    for _ in range(warm_up - 1):
        last_s = once(work.call, device)
    if device.type == "cpu" and work.settles and last_s < LONG_S:
        settle(work.call)
    least = _least_calls(last_s)
    flush = flush_on(device) if work.cold else None
    beside: tuple[float, ...] = ()
    if device.type == "cuda":
        samples = _cuda_samples(work.call, repeat_s, flush, least, last_s)
    else:
        samples, beside = _cpu_samples(work.call, repeat_s, flush, least)
    p5, median, p95 = np.quantile(samples, (0.05, 0.5, 0.95))
    return Timing(float(median), float(p5), float(p95), len(samples), compiling_s, *beside)


def _least_calls(seconds: float) -> int:
    return LEAST_CALLS if seconds < LONG_S else 1


def settle(call: Callable[[], object]) -> None:
    """Call until the system gives the process no more memory for it, as it is in a long run, for at most MOST_SETTLING calls or seconds."""
    until = time.perf_counter() + MOST_SETTLING_S
    for _ in range(MOST_SETTLING):
        before = _pages_given()
        call()
        if _pages_given() - before < FEW_PAGES or time.perf_counter() > until:
            return


def _pages_given() -> int:
    """Pages of memory that this process was given so far; 0 where the system does not tell."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt if sys.platform != "win32" else 0


def _cpu_samples(
    call: Callable[[], object], repeat_s: float, flush: Callable[[], object] | None, least: int
) -> tuple[list[float], tuple[float, ...]]:
    """Seconds of each call, for as long as calls and what goes before them take `PATIENCE` times `repeat_s`, and `least` calls; with a
    `flush`, the median seconds of that and of the yardstick too."""
    samples: list[float] = []
    flushes: list[float] = []
    products: list[float] = []
    until = time.perf_counter() + PATIENCE * repeat_s
    while len(samples) < least or (sum(samples) < repeat_s and time.perf_counter() < until):
        if flush is not None:
            own = yardsticks_s(flush)
            flushes, products = [*flushes, *own[0]], [*products, *own[1]]
        samples.append(lasted(call))
    return samples, (float(np.median(flushes)), float(np.median(products))) if flush is not None else ()


def yardsticks_s(flush: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Seconds of several flushes, or a long one, and of several small products before them, always in this order: each finds what the last
    one left."""
    yardstick()()
    products = [lasted(yardstick()) for _ in range(PRODUCTS)]
    first_s = lasted(flush)
    more = FLUSHES - 1 if first_s < FLUSHING_S else 0
    return [first_s, *(lasted(flush) for _ in range(more))], products


def lasted(call: Callable[[], object]) -> float:
    """Seconds of one call on this thread."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _cuda_samples(
    call: Callable[[], object], repeat_s: float, flush: Callable[[], object] | None, least: int, last_s: float
) -> list[float]:
    """Seconds between two events around each call, which took `last_s` the last time; without a `flush`, of calls in a row.

    Flushes are queued before the first event: outside the time, and long enough for the host to queue all of the call behind them, so that
    short kernels are not timed by the speed of their launches.
    """
    queueing_s = 0.0
    warm_until = time.perf_counter() + (WARM_S if last_s < LONG_S else 0.0)
    while time.perf_counter() < warm_until:
        queueing_s = lasted(call)
        torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()  # compiling, and choosing a library's kernel, took memory that no later call takes
    if flush is None:
        return _in_a_row(call, min(max(least, math.ceil(repeat_s / max(last_s, 1e-9))), MOST_CALLS))
    ahead = [flush] * _flushes_ahead(queueing_s, flush)
    samples: list[float] = []
    while len(samples) < least or (sum(samples) < repeat_s and len(samples) < MOST_CALLS):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        for one in ahead:
            one()
        start.record()
        call()
        end.record()
        end.synchronize()
        samples.append(start.elapsed_time(end) / 1e3)
    return samples


def _in_a_row(call: Callable[[], object], count: int) -> list[float]:
    """Seconds from each call's end to the next one's, none waited for: while one step runs on the GPU, the host queues the next."""
    ends = [torch.cuda.Event(enable_timing=True) for _ in range(count + 1)]  # type: ignore[no-untyped-call]
    ends[0].record()
    for end in ends[1:]:
        call()
        end.record()
    ends[-1].synchronize()
    return [one.elapsed_time(after) / 1e3 for one, after in pairwise(ends)]


def _flushes_ahead(queueing_s: float, flush: Callable[[], object]) -> int:
    """As many flushes of a GPU as take it AHEAD times as long as the host needs to queue a call; one at least."""
    flush()
    torch.cuda.synchronize()
    flush_s = _seconds(flush, torch.device("cuda"))
    return min(max(1, math.ceil(AHEAD * queueing_s / flush_s)), MOST_AHEAD)
