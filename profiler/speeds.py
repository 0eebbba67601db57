"""What others on the same machine did to the times of a profile, told by two yardsticks beside every call that is timed on a CPU.

A virtual machine shares its host's memory and cores with neighbours that nobody sees: on two Zen 5 cores that ran nothing else, the same
read of 64 MiB went at 40 to 84 GB/s within minutes, and copies and sums took as much longer (correlation 0.97); on two Zen 3 cores a small
product in their caches varied by a tenth, large ones and attention with it (correlation 0.6 to 0.7). So a probe's times follow the
yardsticks' by two powers, 0 to about 1, which all of its shapes tell together, each compared with itself in another process. Times are then
given as at the median speeds of the whole profile, and the powers let a fit be moved to others.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from profiler.flushing import buffer_on, flush_on
from profiler.measuring import Sample
from profiler.timing import yardsticks_s
from profiler.yardstick import FLOPS
from sim.cost.speeds import Speeds

Floats = NDArray[np.float64]
Where = tuple[int, str]
"""A sample's process and its item's key."""
Powers = tuple[float, float]
"""With which a probe's times go with those of memory's yardstick and of the cores'."""
DOUBT = 0.02
"""Sum of squares (of ln seconds a yardstick) that counts for no power at all: where speeds were steady, their noise should move nothing."""
MOST_POWER = 1.5
"""Writes may suffer more than the reads of a flush do."""
OUTLYING, ROUNDS = 0.1, 10
"""Of ln seconds between two processes: what powers leave unexplained beyond that counts by its size and not by its square (Huber's loss, by
reweighting). By plain least squares one product that took 8 ms, and 0.4 in two other processes, moved the powers of all bf16 products on
two Xeon cores from 0.93 and 0.45 to 0.45 and 0.61, with Huber's loss from 0.87 and 0.38 to 0.83 and 0.40."""
TOLD = 1.1
"""Speeds that differ by more than this (95 % to 5 %) are worth a note."""
CPU = torch.device("cpu")


def speeds_now() -> Speeds:
    """A CPU's, just now, by as many yardsticks as go before a timed call: more flushes would find their own lines."""
    flushes, products = yardsticks_s(flush_on(CPU))
    return _speeds(float(np.median(flushes)), float(np.median(products)))


def _speeds(flush_s: float, product_s: float) -> Speeds:
    return Speeds(memory_bytes_per_s=buffer_on(CPU).nbytes / flush_s, cores_flops_per_s=FLOPS / product_s)


def usual_speeds(samples: Sequence[Sample]) -> Speeds | None:
    """At the median of all samples beside which yardsticks were timed; None where there are none."""
    told = _told(samples)
    return _speeds(*_usual_s(told)) if told else None


def powers(samples: Sequence[Sample], probes: Iterable[str]) -> dict[str, Powers]:
    """By probe; of those alone that were measured beside yardsticks."""
    told = _told(samples)
    own = {name: [(one, beside_s) for one, beside_s in told if one.item.probe == name] for name in probes}
    return {name: _powers(of_probe) for name, of_probe in own.items() if of_probe}


def slowdowns(samples: Sequence[Sample], probes: Iterable[str]) -> dict[Where, float]:
    """How many times longer a sample took than at the median speeds, for all that were measured beside yardsticks."""
    told = _told(samples)
    if not told:
        return {}
    known, usual_s = powers(samples, probes), _usual_s(told)
    return {(one.process, one.item.key): float(np.prod((np.array(beside_s) / usual_s) ** known[one.item.probe])) for one, beside_s in told}


def speed_note(samples: Sequence[Sample]) -> str | None:
    """How speeds varied during the profile; None where they were steady, or where there were no yardsticks."""
    told = _told(samples)
    if not told:
        return None
    slow, usual, fast = 1 / np.quantile([beside_s for _, beside_s in told], (0.95, 0.5, 0.05), axis=0)
    if (fast < TOLD * slow).all():
        return None
    spans = [f"{low:.2f} to {high:.2f}" for low, high in zip(slow / usual, fast / usual, strict=True)]
    return f"at the median, {_speeds(*(1 / usual))}; as others let them, {spans[0]} and {spans[1]} times as fast; times are at the median"


def _told(samples: Sequence[Sample]) -> list[tuple[Sample, tuple[float, float]]]:
    """Samples with the seconds of their yardsticks, memory's and the cores'."""
    return [
        (one, (one.flush_s, one.product_s))
        for one in samples
        if one.skipped is None and one.flush_s is not None and one.product_s is not None
    ]


def _usual_s(told: Sequence[tuple[Sample, tuple[float, float]]]) -> Floats:
    return np.asarray(np.median([beside_s for _, beside_s in told], axis=0))


def _powers(told: Sequence[tuple[Sample, tuple[float, float]]]) -> Powers:
    """By least squares over every two processes of each shape, between bounds, with less weight on what no powers explain."""
    from scipy.optimize import lsq_linear

    by_item: dict[str, list[tuple[float, float, float]]] = {}
    for sample, (flush_s, product_s) in told:
        by_item.setdefault(sample.item.key, []).append((flush_s, product_s, sample.median_s))
    rows = np.concatenate([_between(np.log(seconds)) for seconds in by_item.values()])
    doubt = np.array([[DOUBT**0.5, 0, 0], [0, DOUBT**0.5, 0]])
    found, weights = np.zeros(2), np.ones(len(rows))
    for _ in range(ROUNDS):
        weighted = np.concatenate([rows * np.sqrt(weights)[:, None], doubt])
        found = lsq_linear(weighted[:, :2], weighted[:, 2], bounds=(0.0, MOST_POWER)).x
        weights = OUTLYING / np.maximum(np.abs(rows[:, 2] - rows[:, :2] @ found), OUTLYING)
    return float(found[0]), float(found[1])


def _between(logs: Floats) -> Floats:
    """(n, 3) logarithms as the (n(n - 1)/2, 3) differences of every two, whose squares add up to those from the mean."""
    one, other = np.triu_indices(len(logs), 1)
    return np.asarray((logs[one] - logs[other]) / len(logs) ** 0.5)
