"""Which keys may stand where in a scenario, read off its JSON Schema with the unions decided by what is written."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sim.scenario.document import Key, split_key
from sim.scenario.errors import Broken
from sim.scenario.nearest import nearest
from sim.scenario.scenario import Scenario

FREE = ""
"""Stands among the known keys of a mapping in which any key will do."""

SPAN = ("horizon", "warmup")
"""Keys that say which span of time a plan measures."""


@cache
def _schema() -> dict[str, Any]:
    return Scenario.model_json_schema(by_alias=True)


def step(holder: Any, part: str | int) -> Any:
    """What `holder` has under `part`; None where it has nothing."""
    if isinstance(holder, dict):
        return holder.get(part)
    return holder[part] if isinstance(holder, list) and isinstance(part, int) and part < len(holder) else None


def known_keys(data: Any, key: Key) -> list[str]:
    """Keys allowed in the mapping at `key`; with `FREE` where it takes any."""
    definitions = _schema()["$defs"]

    def members(node: dict[str, Any], written: Any) -> list[dict[str, Any]]:
        if "$ref" in node:
            return members(definitions[node["$ref"].rsplit("/", 1)[1]] | {k: v for k, v in node.items() if k != "$ref"}, written)
        options = node.get("anyOf") or node.get("oneOf")
        if not options:
            return [node]
        found = [member for option in options for member in members(option, written)]
        if isinstance(written, dict):
            of_kind = [one for one in found if one.get("properties", {}).get("kind", {}).get("const") == written.get("kind", 0)]
            required = [one for one in found if one.get("required") and set(one["required"]) <= set(written)]
            return of_kind or required or found
        return found

    nodes, written = members(_schema(), data), data
    for part in key:
        written = step(written, part)
        steps = []
        for node in nodes:
            patterns = node.get("patternProperties", {}).values()
            found = (
                node.get("properties", {}).get(part) or next(iter(patterns), None) or node.get("additionalProperties") or node.get("items")
            )
            if isinstance(found, dict):
                steps.extend(members(found, written))
        nodes = steps
    free = any(node.get("type") == "object" and node.get("additionalProperties") in (True, {}) for node in nodes)
    return [name for node in nodes for name in node.get("properties", {})] + [FREE] * free


def missing_key(data: Any, dotted: str) -> str | None:
    """Why the key ``a.b.c`` cannot be varied, or None where it can: it, and all it lies in, is written or may be."""
    key = split_key(dotted)
    if key[0] in ("study", "extends", "name"):
        return f"{key[0]!r} is not what a plan is made of; vary a key of the workloads, the providers or the policy"
    if dotted in SPAN:
        return f"plans would measure different spans, which say nothing about each other; give all the same, as in --set {dotted}='10 d'"
    holder = data
    for depth, part in enumerate(key):
        around = ".".join(map(str, key[:depth])) or "the scenario"
        if isinstance(holder, list):
            if not isinstance(part, int) or part >= len(holder):
                return f"{around} is a list of {len(holder)}, so it has no {part!r}; write an index from 0 on"
        elif isinstance(holder, dict | None):
            written = list(map(str, holder)) if holder else []
            known = known_keys(data, key[:depth])
            if part not in (holder or {}) and part not in known and FREE not in known:
                names = sorted({*written, *known})
                return f"there is no {part!r} in {around}; {nearest(str(part), names) if names else 'vary it as a whole'}"
        else:
            return f"{around} is a single value, so it has no key {part!r}"
        holder = step(holder, part)
    return None


def broken_study_keys(scenario: Scenario, data: dict[str, Any]) -> Iterator[Broken]:
    """Keys that a study varies and that do not exist, or are the same in all plans."""
    study = scenario.study
    swept = {("study", "sweep", key): key for key in (study.sweep.over if study.sweep else ())}
    optimised = {("study", "optimise", "over", key): key for key in (study.optimise.over if study.optimise else ())}
    moved = {("study", "sensitivity", "over", key): key for key in (study.sensitivity.over if study.sensitivity else ())}
    for path, key in (swept | optimised | moved).items():
        message = missing_key(data, key)
        if message is not None:
            yield path, message
