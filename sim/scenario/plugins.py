"""Names of policies: ours, and those that installed distributions add as entry points.

A distribution adds one with, in its ``pyproject.toml``::

    [project.entry-points."leadtime.orderings"]
    longest-first = "my_package:longest_first"

and a scenario uses it by that name. Groups: ``leadtime.orderings``, ``leadtime.routings``, ``leadtime.preemptions``. Our own names win.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from annotated_types import GroupedMetadata
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sim.scenario.nearest import nearest


@cache
def plugins(kind: str) -> dict[str, EntryPoint]:
    """Entry points of ``leadtime.<kind>`` by name."""
    return {point.name: point for point in entry_points(group=f"leadtime.{kind}")}


@dataclass(frozen=True)
class PolicyName(GroupedMetadata):
    """Marks a str as the name of one of `own` policies, or of a plugin of that kind."""

    kind: str
    own: tuple[str, ...]

    def __iter__(self) -> Iterator[object]:
        yield BeforeValidator(self._known)
        yield WithJsonSchema({"anyOf": [{"enum": list(self.own)}, {"type": "string", "description": f"or a plugin's ({self.kind})"}]})

    def _known(self, value: object) -> object:
        known = [*self.own, *plugins(self.kind)]
        if value not in known:
            raise PydanticCustomError(
                "policy_name", "found {found}; {nearest}", {"found": repr(value), "nearest": nearest(str(value), known)}
            )
        return value
