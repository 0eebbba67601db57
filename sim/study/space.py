"""The plans that a sweep or an optimisation chooses among: a scenario with some keys overridden, and nothing else."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from sim.demand.streams import stream
from sim.scenario.document import Document, Key
from sim.scenario.errors import InputError, Problem
from sim.scenario.values import Choices, Values
from sim.study.preparation import prepare

MOST_PLANS = 5000

Point = dict[str, Any]
"""A value for each key varied."""


@dataclass(frozen=True)
class Space:
    """Keys, what each may take, and the scenario they are varied in; `path` is where the words stand, for errors."""

    document: Document
    over: Mapping[str, Values]
    path: Key

    @property
    def size(self) -> int:
        """Plans in the whole grid; every axis has to be one of choices."""
        return prod(len(values.values) for values in self.over.values() if isinstance(values, Choices))

    def plan(self, point: Point) -> Document:
        """The scenario with the point's values; errors in it point at where the value was written."""
        document = self.document.override("study", None)
        for key, value in point.items():
            document = document.override(key, value, place=self._place(key, value))
        return document

    def _place(self, key: str, value: Any) -> str:
        written: Any = self.document.data
        for part in (*self.path, key):
            written = written[part]
        index = (written.index(value),) if isinstance(written, list) and value in written else ()
        return self.document.place((*self.path, key, *index))


def grid(over: Mapping[str, Values], place: str = "") -> list[Point]:
    """Every combination, the last key changing fastest; InputError where they are too many."""
    choices = [values.values for values in over.values() if isinstance(values, Choices)]
    count = prod(map(len, choices))
    if count > MOST_PLANS:
        raise InputError.of(
            f"makes a grid of {count:,} plans; at most {MOST_PLANS:,} would do; fewer values, or 'sample: latin-hypercube' with points",
            where=place,
        )
    return [dict(zip(over, values, strict=True)) for values in product(*choices)]


def latin_hypercube(over: Mapping[str, Values], points: int, seed: int) -> list[Point]:
    """`points` plans whose values of each key are spread evenly over its range (McKay, Beckman & Conover, 1979); repeated ones are dropped.

    Each key has a random stream of its own, so that adding a key leaves the values of the others as they were.
    """
    columns = {}
    for key, values in over.items():
        rng = stream(seed, 0, "study", "sweep", key)
        slices, within = rng.permutation(points), rng.uniform(size=points)
        if isinstance(values, Choices):  # as evenly as so many points divide among them
            columns[key] = [values.values[one * len(values.values) // points] for one in slices.tolist()]
        else:
            columns[key] = [values.at(share) for share in ((slices + within) / points).tolist()]
    drawn = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return list({json.dumps(point, sort_keys=True): point for point in drawn}.values())


def named(points: Sequence[Point]) -> dict[str, Point]:
    """Points under plan names that sort in their order: ``plan 01``, …"""
    digits = len(str(len(points)))
    return {f"plan {number:0{digits}d}": point for number, point in enumerate(points, 1)}


def plans(space: Space, points: Mapping[str, Point]) -> dict[str, Document]:
    """Each point's document, validated and priced; InputError with each mistake once, however many plans share it."""
    documents = {name: space.plan(point) for name, point in points.items()}
    problems: dict[str, Problem] = {}
    for document in documents.values():
        try:
            prepare(document)
        except InputError as error:
            problems |= {str(problem): problem for problem in error.problems}
    if problems:
        raise InputError(list(problems.values()))
    return documents


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Each key by its last part and the parts before it that tell it from keys with the same last one.

    ``nodes``, or ``committed nodes`` and ``by-the-hour nodes`` where two pools have some.
    """
    backwards = {key: key.split(".")[::-1] for key in keys}

    def tells_apart(place: int, last: str) -> bool:
        return len({tuple(parts[place : place + 1]) for parts in backwards.values() if parts[0] == last}) > 1

    return {
        key: " ".join([part for place, part in enumerate(parts) if place == 0 or tells_apart(place, parts[0])][::-1])
        for key, parts in backwards.items()
    }


def said(value: Any) -> str:
    """A value on one line, as a reader would say it."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {said(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(said, value))
    return "none" if value is None else str(value)
