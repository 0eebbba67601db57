"""Which shape to measure next, and for how long, so that a profile ends in its time whatever its probes and however slow the device.

Nobody knows what a shape costs before it was measured once. So the first process chooses as it goes: what a fit cannot do without first,
then whichever probe had the least time so far, each probe's shapes from the middle outwards and then in between, so that wherever the time
ends every family is covered evenly. The processes after it know each cost and measure what fits. Pure decisions: no clock here.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, auto
from random import Random
from typing import Literal

import numpy as np

from profiler.fit import LEAST_SHAPES
from profiler.measuring import Item, Sample
from profiler.predictions import STEPS, STORED_MERGES_ON_GPU
from profiler.probes import Shape

NEEDED_SHAPES = 8
"""A fitted family's first shapes, before any anchor and any other family's ninth: more than a fit has parameters (measured for 19 families
of two Zen 5 cores: shapes outside a fit of eight are off by 4.1 % at the median and 18 % at 95 %, outside one of six by 5.7 and 28 %)."""
REQUIRED = STEPS | STORED_MERGES_ON_GPU | {"int8-linear"}
"""Probes, named for their families, whose fits no cost of a merge or of a training step can do without."""
PROBE_DEATHS = 2
"""Processes that may die of a probe of which nothing was measured yet: each next one would cost a start, too."""
PROBE_SHARE = 0.2
"""Of a process's time: a probe that had this much waits until the others had theirs."""
FIRST_SHARE = 0.7
"""Of all processes' time: the first may take this much for what fits cannot do without. Few processes that measured it tell a slow device's
costs, several that did not tell nothing."""
SHAPE_SHARE = 0.35
"""Of a process's time: a shape that would take more is left out."""
DEAR = 3.0
"""Times what each shape could have if every probe measured its needed ones: one that is expected to take more waits for all others."""
LOADED_S = 0.7
"""What a first call takes where its kernels lie on the disk already (measured on two Zen 4 cores: 0 to 2 s, a third of compiling them)."""
CALLS = 6
"""That a shape takes where a single one fills its time: warming up, settling, timing."""
BESIDE = 2.0
"""A family that a quick profile does without has half of the time of the others, beyond what its fit cannot do without."""
TIMED_SHARE = 0.5
"""Of a process's time is for timed calls; the rest for making inputs and warming up."""
LEAST_PACE = 0.2
"""A later process that runs late asks for down to this share of the timed seconds."""
TRIED_SHARE = 1e-3
"""A probe is first tried on its smallest shape of at least this share of its largest one's work: enough to see what others would take."""
TRIED_RANGE = 50.0
"""Probes whose shapes differ less than this are not tried: the first call of any shape tells as much."""


@dataclass(frozen=True)
class Depth:
    """How deep a profile goes: fresh processes, seconds of timed calls a shape in each, and seconds for everything.

    `reserve_s` of them are for what comes after measuring: fitting and writing. Of each probe, `energy_shapes` have their energy counted,
    which takes longer than timing them, by the second process.
    """

    name: Literal["quick", "full"]
    processes: int
    repeat_s: float
    budget_s: float
    reserve_s: float
    energy_shapes: int = 0


QUICK = Depth("quick", 2, 0.03, 60.0, 10.0)
FULL = Depth("full", 3, 0.05, 600.0, 20.0, energy_shapes=2)


def work(shape: Shape) -> float:
    """What stands for a shape's work: the product of its sizes."""
    return float(math.prod(shape.values()))


def _work_done(sample: Sample) -> float:
    return work(sample.measured or sample.item.shape)


def spread_order(shapes: Sequence[Shape]) -> list[Shape]:
    """Shapes so that any first few cover the whole range of work: the middle, the largest, the smallest, then halfway between them."""
    ordered = sorted(shapes, key=lambda shape: (work(shape), sorted(shape.items())))
    if len(ordered) < 3:
        return ordered
    last = len(ordered) - 1
    places = [0.5, 1.0, 0.0]
    step = 0.25
    while step > 0.25 / last:
        places += [step * odd for odd in range(1, round(1 / step), 2)]
        step /= 2
    picked = dict.fromkeys(round(place * last) for place in places)
    return [ordered[index] for index in (*picked, *(i for i in range(len(ordered)) if i not in picked))]


def trial(items: Sequence[Item]) -> Item | None:
    """The shape to try a probe on; None where trying would tell nothing."""
    by_work = sorted(items, key=lambda item: work(item.shape))
    largest = work(by_work[-1].shape)
    tried = next(item for item in by_work if work(item.shape) >= TRIED_SHARE * largest)
    return tried if largest >= TRIED_RANGE * work(tried.shape) else None


class Turn(IntEnum):
    """What a probe's next shape is for; what comes first here goes first."""

    REQUIRED_FIT = auto()
    ANY_FIT = auto()
    GOOD_FIT = auto()
    FIRST_ANCHOR = auto()
    OTHER = auto()
    DEAR = auto()


class FirstRound:
    """What the first process measures next, given what it saw so far."""

    def __init__(
        self, items: Sequence[Item], anchors: Iterable[str], share_s: float, beside: Iterable[str] = (), more_s: float = 0.0
    ) -> None:
        """`share_s` is the time this process has, and `more_s` what it may take besides for what fits cannot do without.

        `anchors` are never fitted, a quick profile does without those `beside`.
        """
        self._share_s, self._more_s = share_s, more_s
        self._beside = set(beside)
        self._anchors = set(anchors)
        self._waiting: dict[str, list[Item]] = {}
        self._spent_s: dict[str, float] = {}
        self._compiling_s: dict[str, float] = {}
        """Of it, by probe: no probe's turn comes later for what its next shapes are spared."""
        self._taken: dict[str, int] = {}
        self._deaths: dict[str, int] = {}
        self._largest: dict[str, Sample] = {}
        """By probe, of those that were measured: what tells best how long larger ones take."""
        by_probe: dict[str, list[Shape]] = {}
        for item in items:
            by_probe.setdefault(item.probe, []).append(item.shape)
        self._dear_s = share_s * min(DEAR / (NEEDED_SHAPES * max(len(by_probe), 1)), SHAPE_SHARE)
        for probe, shapes in by_probe.items():
            # The product of an anchor's sizes says nothing of its work: its shapes come smallest first, and the first one is its trial.
            ordered = shapes if probe in self._anchors else spread_order(shapes)
            self._waiting[probe] = [Item(probe=probe, shape=shape) for shape in ordered]
            if probe not in self._anchors and (tried := trial(self._waiting[probe])):
                self._waiting[probe].remove(tried)
                self._waiting[probe].insert(0, tried)

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    def next(self, left_s: float) -> Item | None:
        """The item to measure now; None where nothing is left that `left_s` seconds of the share, or a shape's part of it, would do for."""
        first = {probe: items[0] for probe, items in self._waiting.items() if items}
        fitting = [probe for probe, item in first.items() if self._expected_s(item) <= self.most_s(probe, left_s)]
        return self._waiting[min(fitting, key=self._turn)][0] if fitting else None

    def most_s(self, probe: str, left_s: float) -> float:
        """Seconds that this probe's next shape may take, with `left_s` of the share left."""
        needed = self._turn(probe)[0] <= Turn.GOOD_FIT
        return min(left_s + (self._more_s if needed else 0.0), SHAPE_SHARE * self._share_s)

    def _turn(self, probe: str) -> tuple[Turn, float, int]:
        """Lower goes first; among equals the probe that had the least time."""
        taken, spent_s = self._taken.get(probe, 0), self._spent_s.get(probe, 0.0) - self._compiling_s.get(probe, 0.0)
        if probe in REQUIRED and taken < LEAST_SHAPES:
            turn = Turn.REQUIRED_FIT
        elif spent_s > PROBE_SHARE * (self._share_s + self._more_s) or self._is_dear(self._waiting[probe][0]):
            turn = Turn.DEAR
        elif probe in self._anchors:
            turn = Turn.FIRST_ANCHOR if taken == 0 else Turn.OTHER
        else:
            turn = Turn.ANY_FIT if taken < LEAST_SHAPES else Turn.GOOD_FIT if taken < NEEDED_SHAPES else Turn.OTHER
        return turn, spent_s * (BESIDE if probe in self._beside else 1.0), taken

    def _expected_s(self, item: Item) -> float:
        """Seconds for a shape: the mean of its probe's before, or more where its calls alone take longer."""
        taken = self._taken.get(item.probe, 0)
        mean_s = self._spent_s[item.probe] / taken if taken else 0.0
        return max(mean_s, self._calls_s(item))

    def _calls_s(self, item: Item) -> float:
        """Seconds that a shape's calls take, by the largest of its probe so far; 0 where nothing tells."""
        largest = self._largest.get(item.probe)
        if largest is None or item.probe in self._anchors:
            return 0.0
        return CALLS * largest.median_s * work(item.shape) / _work_done(largest)

    def _is_dear(self, item: Item) -> bool:
        """A device may be a hundred times as slow in one dtype as another, for which sizes were chosen: its shapes would take the time of
        everything else."""
        return self._calls_s(item) > self._dear_s

    def saw(self, sample: Sample) -> None:
        """Take a sample into account: its time, and what it says need not be tried."""
        probe, refused = sample.item.probe, sample.skipped is not None
        waiting = [item for item in self._waiting.get(probe, ()) if item.key != sample.item.key]
        self._deaths[probe] = self._deaths.get(probe, 0) + (sample.scope == "process")
        hopeless = sample.scope == "probe" or self._deaths[probe] >= PROBE_DEATHS
        if refused and hopeless and not self._taken.get(probe, 0):
            waiting = []
        elif refused and sample.scope == "larger":
            waiting = [item for item in waiting if probe not in self._anchors and work(item.shape) < work(sample.item.shape)]
        if not refused:
            waiting = self._by_price(probe, waiting, sample)
        self._waiting[probe] = waiting
        self._spent_s[probe] = self._spent_s.get(probe, 0.0) + sample.elapsed_s
        self._compiling_s[probe] = self._compiling_s.get(probe, 0.0) + sample.compiling_s
        self._taken[probe] = self._taken.get(probe, 0) + (not refused)

    def _by_price(self, probe: str, waiting: list[Item], sample: Sample) -> list[Item]:
        """What waits with the dear ones last, by their work; from the first sample on, the others cover their own range of work."""
        before = self._largest.get(probe)
        if before is None or _work_done(sample) > _work_done(before):
            self._largest[probe] = sample
        dear = sorted(filter(self._is_dear, waiting), key=lambda item: work(item.shape))
        others = [item for item in waiting if not self._is_dear(item)]
        if before is None and probe not in self._anchors:
            others = [Item(probe=probe, shape=shape) for shape in spread_order([item.shape for item in others])]
        return [*others, *dear]


def first_alone_s(sample: Sample) -> float:
    """Seconds that the first process compiled and later ones are spared, who find it on the disk."""
    return max(sample.compiling_s + sample.shape_compiling_s - LOADED_S, 0.0)


def later_round(first: Sequence[Item], cost_s: Mapping[str, float], left_s: float, number: int) -> list[Item]:
    """What a later process measures, in an order of its own; `cost_s` by item key.

    `first` is in the order in which the first process chose, so that what is left out is what it chose last.
    """
    until = np.cumsum([cost_s[item.key] for item in first])
    kept = list(first[: int(np.searchsorted(until, left_s, side="right"))])
    Random(number).shuffle(kept)
    return kept


def with_energy(first: Sequence[Item], anchors: Collection[str], count: int) -> set[str]:
    """Keys of the first `count` items of each probe that is fitted, which cover its range of work (`spread_order`)."""
    taken: dict[str, int] = {}
    chosen = set()
    for item in first:
        taken[item.probe] = taken.get(item.probe, 0) + 1
        if taken[item.probe] <= count and item.probe not in anchors:
            chosen.add(item.key)
    return chosen


def pace(expected_s: float, left_s: float) -> float:
    """The share of the timed seconds to ask for when `expected_s` are to fit in `left_s`."""
    return min(1.0, max(LEAST_PACE, left_s / expected_s)) if expected_s > 0 else 1.0


def repeat_s(depth: Depth, items: int, share_s: float) -> float:
    """Timed seconds a shape in the first process: the depth's, or less where there are too many shapes for that."""
    return min(depth.repeat_s, TIMED_SHARE * share_s / max(items, 1))
