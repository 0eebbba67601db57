"""Which plan to try next: the state of a search for the cheapest plan that meets its targets, and three ways to go on from it.

A place is a plan's index on each axis. Every way is a pure function of what is known so far, so that a search is the same wherever it
runs; and each leaves out only plans that cannot win: hopeless ones (`sim.study.bounds`), and those that cost at least as much as one
that meets the targets.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations, product
from math import inf, prod

from sim.study.bounds import Least

Place = tuple[int, ...]


@dataclass(frozen=True)
class Found:
    """A plan simulated: its cost and the largest ratio of a target's figure to its limit (1 or less meets them all)."""

    cost_usd: float
    ratio: float

    @property
    def meets(self) -> bool:
        return self.ratio <= 1


@dataclass
class Search:
    """What is known of each place. `least` bounds a place's plan (None where it cannot be run); `limits` are the targets' limits."""

    sizes: tuple[int, ...]
    ordered: tuple[bool, ...]
    limits: dict[str, float]
    bound: Callable[[Place], Least | None]
    found: dict[Place, Found] = field(default_factory=dict)
    refused: set[Place] = field(default_factory=set)
    unconfirmed: set[Place] = field(default_factory=set)

    @property
    def size(self) -> int:
        return prod(self.sizes)

    def places(self) -> Iterator[Place]:
        return product(*map(range, self.sizes))

    def hopeless(self, place: Place) -> bool:
        """Whether the plan is bound to miss a target, or cannot be run at all."""
        least = self.bound(place)
        return least is None or bool(self.why_hopeless(least))

    def why_hopeless(self, least: Least) -> str:
        """The figure that the bound puts over its limit; ``together`` where only their sum is."""
        for figure, limit in self.limits.items():
            if least.waits[figure] > limit:
                return figure
        sum_of_limits = sum(limit for figure, limit in self.limits.items() if not figure.endswith(".mean"))
        return "together" if least.together > sum_of_limits else ""

    @property
    def best(self) -> Place | None:
        """The cheapest plan so far that meets the targets and has not failed to be confirmed."""
        able = [place for place, one in self.found.items() if one.meets and place not in self.unconfirmed]
        return min(able, key=lambda place: (self.found[place].cost_usd, place), default=None)

    @property
    def nearest(self) -> Place | None:
        """Of the plans simulated, the one whose worst target is missed by least."""
        return min(self.found, key=lambda place: (self.found[place].ratio, self.found[place].cost_usd, place), default=None)

    def least_cost(self, place: Place) -> float:
        least = self.bound(place)
        return inf if least is None else least.cost_usd

    @property
    def ceiling(self) -> float:
        """The cost from which on a plan cannot be the answer."""
        return inf if self.best is None else self.found[self.best].cost_usd

    def worth_trying(self, place: Place, ceiling: float) -> bool:
        """Whether the plan is neither known, nor hopeless, nor bound to cost `ceiling` or more."""
        if place in self.found or place in self.refused or self.hopeless(place):
            return False
        return self.least_cost(place) < ceiling


def enumerate_next(search: Search) -> Place | None:
    """The plan of least possible cost that is worth trying: at the end, the best found is the best there is."""
    ceiling = search.ceiling
    worthy = (place for place in search.places() if search.worth_trying(place, ceiling))
    return min(worthy, key=lambda place: (search.least_cost(place), place), default=None)


def bisect_next(search: Search) -> Place | None:
    """On one axis along which cost rises and waits fall: halfway between the largest plan that fails and the smallest that does not."""
    fails = [place for place in search.places() if _fails(search, place)]
    low = max((index for (index,) in fails), default=-1)
    high = min((index for (index,), one in search.found.items() if one.meets and index > low), default=search.sizes[0])
    if high == search.sizes[0]:  # nothing meets yet: see whether the largest does
        top = (search.sizes[0] - 1,)
        return top if low < top[0] and top not in search.found else None
    middle = (low + high) // 2
    return (middle,) if middle > low and (middle,) not in search.found else None


def _fails(search: Search, place: Place) -> bool:
    if place in search.unconfirmed or place in search.refused:
        return True
    return not search.found[place].meets if place in search.found else search.hopeless(place)


def neighbour_next(search: Search) -> Place | None:
    """Beside the best plan (or the nearest, where none meets the targets): a step on one axis or on two, the cheapest worth trying.

    Along an ordered axis a step goes one value up or down; on others to any value.
    """
    centre = search.best or search.nearest
    return None if centre is None else cheapest_beside(search, centre)


def cheapest_beside(search: Search, centre: Place) -> Place | None:
    """Of the places a step or two away, the one of least possible cost that is worth trying."""
    ceiling = search.ceiling
    beside = [place for place in _beside(search, centre) if search.worth_trying(place, ceiling)]
    return min(beside, key=lambda place: (search.least_cost(place), place), default=None)


def _beside(search: Search, centre: Place) -> Iterator[Place]:
    axes = range(len(search.sizes))
    steps = {
        axis: [
            value
            for value in ((centre[axis] - 1, centre[axis] + 1) if search.ordered[axis] else range(search.sizes[axis]))
            if 0 <= value < search.sizes[axis] and value != centre[axis]
        ]
        for axis in axes
    }
    for count in (1, 2):
        for moved in combinations(axes, count):
            for values in product(*(steps[axis] for axis in moved)):
                changed = dict(zip(moved, values, strict=True))
                yield tuple(changed.get(axis, centre[axis]) for axis in axes)
