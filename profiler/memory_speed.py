"""What others on the same memory did to the times of a profile, told by what each flush of the caches took just then.

A virtual machine shares its host's memory with neighbours that nobody sees: on two Zen 5 cores that ran nothing else, the same read of
64 MiB went at 40 to 84 GB/s within minutes, and copies and sums took as much longer (correlation 0.97), products hardly at all. So a
probe's times follow the flush's by a power, 0 to about 1, which all of its shapes tell together, each compared with itself in another
process. Times are then given as at the median speed of the whole profile, and the powers let a fit be moved to another speed.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from profiler.flushing import buffer_on, flush_on
from profiler.measuring import Sample
from profiler.timing import lasted

Where = tuple[int, str]
"""A sample's process and its item's key."""
DOUBT = 0.05
"""Sum of squares (of ln seconds a flush) that counts for no power at all: where memory was steady, its noise should move nothing."""
MOST_POWER = 1.5
"""Writes may suffer more than the reads of a flush do."""
TOLD = 1.1
"""Speeds of memory that differ by more than this (95 % to 5 %) are worth a note."""
CPU = torch.device("cpu")


def read_speed() -> float:
    """Bytes/s at which a CPU's memory is read just now, by a flush of caches that one before has emptied: what a call wrote is written back
    on the first one's time."""
    flush = flush_on(CPU)
    flush()
    return buffer_on(CPU).nbytes / lasted(flush)


def usual_read_speed(samples: Sequence[Sample]) -> float | None:
    """Bytes/s at which memory was read at the median of all samples with flushes; None where there are none."""
    flushed = _flushed(samples)
    return buffer_on(CPU).nbytes / _usual_s(flushed) if flushed else None


def powers(samples: Sequence[Sample], probes: Iterable[str]) -> dict[str, float]:
    """By probe, the power of a flush's time with which its times go; of those alone that were measured with flushes."""
    flushed = _flushed(samples)
    own = {name: [(one, flush_s) for one, flush_s in flushed if one.item.probe == name] for name in probes}
    return {name: _power(of_probe) for name, of_probe in own.items() if of_probe}


def slowdowns(samples: Sequence[Sample], probes: Iterable[str]) -> dict[Where, float]:
    """How many times longer a sample took than at the median speed of memory, for all that were measured with flushes."""
    flushed = _flushed(samples)
    if not flushed:
        return {}
    power, usual_s = powers(samples, probes), _usual_s(flushed)
    return {(one.process, one.item.key): (flush_s / usual_s) ** power[one.item.probe] for one, flush_s in flushed}


def speed_note(samples: Sequence[Sample]) -> str | None:
    """How the speed of memory varied during the profile; None where it was steady, or where nothing was flushed."""
    flushed = _flushed(samples)
    if not flushed:
        return None
    slow, usual, fast = 1 / np.quantile([flush_s for _, flush_s in flushed], (0.95, 0.5, 0.05))
    if fast < TOLD * slow:
        return None
    span = f"{slow / usual:.2f} to {fast / usual:.2f} times its median speed of {usual * buffer_on(CPU).nbytes / 1e9:.0f} GB/s"
    return f"memory was read at {span}, as others let it; times are at the median"


def _usual_s(flushed: Sequence[tuple[Sample, float]]) -> float:
    return float(np.median([flush_s for _, flush_s in flushed]))


def _flushed(samples: Sequence[Sample]) -> list[tuple[Sample, float]]:
    return [(one, one.flush_s) for one in samples if one.skipped is None and one.flush_s is not None]


def _power(flushed: Sequence[tuple[Sample, float]]) -> float:
    """With which power of the flush's time a probe's times go, by least squares within each shape."""
    by_item: dict[str, list[tuple[float, float]]] = {}
    for sample, flush_s in flushed:
        by_item.setdefault(sample.item.key, []).append((flush_s, sample.median_s))
    together = alone = 0.0
    for shape in by_item.values():
        flushes, times = np.log(shape).T
        flushes = flushes - flushes.mean()
        together += float(flushes @ times)
        alone += float(flushes @ flushes)
    return min(max(together / (alone + DOUBT), 0.0), MOST_POWER)
