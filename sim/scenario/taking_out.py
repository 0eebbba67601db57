"""What is wrong in a scenario, taken out of it, so that the rest can be looked at and all errors come at once.

What was taken out may itself break rules of the rest: a rule that stands or speaks near it is left until it is mended.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from sim.scenario.document import Key
from sim.scenario.errors import Broken
from sim.scenario.keys import step

_POOL = {"gpu": "-", "nodes": 1, "offer": {"owned": "0 USD/GPU/h"}}
STAND_INS: dict[str | int, Any] = {
    "workloads": {"kind": "trace", "format": "csv", "path": "-"},
    "providers": {"pools": {"-": _POOL}},
    "pools": _POOL,
}
"""What stands for a workload, provider or pool that lacks something it needs, so that its name is still known."""


def take_out(data: dict[str, Any], keys: Iterable[Key], before: Iterable[Key]) -> dict[Key, Any]:
    """Remove what is at each of `keys`, or the nearest thing around it; returns what was there, by its key.

    What has a name of the user's is replaced by a stand-in, unless it was so `before`.
    """
    taken = {}
    for key in sorted({_nearest(data, key) for key in keys} - {()}, key=len, reverse=True):
        holder: Any = data
        for part in key[:-1]:
            holder = holder[part]
        taken[key] = holder.pop(key[-1])
        if key[-2:-1] and key[-2] in STAND_INS and key not in before:
            holder[key[-1]] = deepcopy(STAND_INS[key[-2]])
    return taken


def _nearest(data: dict[str, Any], key: Key) -> Key:
    """As much of `key` as is there and in a mapping: a list is taken out whole, as its other items would move up."""
    found: Key = ()
    value: Any = data
    for depth, part in enumerate(key):
        if isinstance(value, dict) and part in value:
            found = key[: depth + 1]
        value = step(value, part)
    return found


def near(key: Key, taken: Iterable[Key], depth: int | None = None) -> bool:
    """Whether one of `taken` lies in `key`, around it or at it, as far as the first `depth` parts of both tell."""
    return any(all(ours == theirs for ours, theirs in zip(key[:depth], one[:depth], strict=False)) for one in taken)


def may_be_due_to(broken: Broken, taken: Mapping[Key, Any]) -> bool:
    """Whether a rule may be broken only for what was taken out: it is of the same workload, provider or policy, or speaks of it."""
    key, message = broken
    spoken = message.split(", which is no ")[0]  # of a name that nobody has, only the name itself counts
    return near(key, taken, 2) or not set(_words(dict(taken))).isdisjoint(re.findall(r"[\w-]+", spoken))


def _words(value: Any) -> Iterator[str]:
    """All keys and texts in this, keys in the singular too: rules speak of 'no workload'."""
    if isinstance(value, dict):
        for key, inner in value.items():
            for part in key if isinstance(key, tuple) else (key,):
                if isinstance(part, str):
                    yield from (part, part.removesuffix("s"))
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield value
