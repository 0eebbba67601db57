"""When the provider takes which spot node, and gives it back: streams of absences by node, drawn or recorded, apart from what jobs do.

Each node of a pool has its own stream, so that the dates depend neither on the policy nor on the other nodes of a drawn process.
"""

from collections.abc import Iterator
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np

from sim.demand.sampling import draw
from sim.demand.spot_trace import SpotTrace
from sim.scenario.distributions import Distribution

BLOCK = 64


class Absence(NamedTuple):
    """A node is announced to go, goes, and comes back (infinity: never)."""

    warned_s: float
    gone_s: float
    back_s: float


def drawn_absences(mtbf_s: float, notice_s: float, away: Distribution, rng: np.random.Generator) -> Iterator[Absence]:
    """A renewal process: here for an exponential time of mean `mtbf_s`, away for a drawn one, for ever."""
    came = 0.0
    while True:
        for here, gone in zip(rng.exponential(mtbf_s, BLOCK).tolist(), draw(away, BLOCK, rng).tolist(), strict=True):
            goes = came + here
            back = goes + gone
            yield Absence(max(came, goes - notice_s), goes, back)
            came = back


def recorded_absences(trace: SpotTrace, nodes: int, notice_s: float, rng: np.random.Generator) -> list[Iterator[Absence]]:
    """For each node of a pool of `nodes`, its absences as the zone was recorded, over and over.

    The record says how many are there; which of them go, and which come, is drawn once.
    """
    spells: list[list[tuple[float, float]]] = [[] for _ in range(nodes)]
    there, away_since = list(range(nodes)), {}
    for at, level in trace.steps(nodes):
        while len(there) > level:
            away_since[there.pop(int(rng.integers(len(there))))] = at
        while len(there) < level:
            node = sorted(away_since)[int(rng.integers(len(away_since)))]
            spells[node].append((away_since.pop(node), at))
            there.append(node)
    for node, since in away_since.items():
        spells[node].append((since, trace.length_s))
    return [_over_and_over(one, trace.length_s, notice_s) for one in spells]


def _over_and_over(spells: list[tuple[float, float]], length_s: float, notice_s: float) -> Iterator[Absence]:
    if not spells:
        return
    if spells == [(0.0, length_s)]:
        yield Absence(0.0, 0.0, np.inf)
        return
    came, pending = 0.0, None
    for cycle in count():
        for gone, back in spells:
            goes, comes = gone + cycle * length_s, back + cycle * length_s
            if pending is not None and goes <= pending[1]:  # away at the end of the record and at its start: one absence
                pending = (pending[0], comes)
                continue
            if pending is not None:
                yield Absence(max(came, pending[0] - notice_s), *pending)
                came = pending[1]
            pending = (goes, comes)


def mean_absence_s(trace: SpotTrace, nodes: int) -> float:
    """Mean seconds that a node stays away in the record: node-seconds away over departures (Little's law)."""
    steps = trace.steps(nodes)
    ends = [at for at, _ in steps[1:]] + [trace.length_s]
    away = sum((nodes - level) * (end - at) for (at, level), end in zip(steps, ends, strict=True))
    levels = [steps[-1][1], *(level for _, level in steps)]
    left = sum(max(before - after, 0) for before, after in pairwise(levels))
    return away / left if left else 0.0
