"""A scenario file as data that remembers where each key was written, so that every error can point at its line.

YAML is read with ruamel.yaml, safe and pure: YAML 1.2 (``no`` stays a string), duplicate keys refused, no tags, no code. Size, depth
and alias expansion are bounded before anything is built. ``extends`` and ``--set`` merge plain data; validation comes after.
"""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, Self

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sim.scenario.errors import InputError, Problem
from sim.scenario.nearest import nearest

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_EXTENDS = 8

Key = tuple[str | int, ...]
SET = "--set"
NAMED_BY_USERS = (("providers",), ("pools",), ("workloads",))
"""Mappings whose keys no schema knows: changing a part of what is not there, or taking it away, is a slip in its name."""


@dataclass(frozen=True)
class Document:
    """Plain data, the place each key was written (by its path), and the folder that relative paths start from."""

    data: dict[str, Any]
    file: str
    folder: FilePath
    places: dict[Key, str] = field(default_factory=dict)
    question: str = ""
    """The file's first comment line: what the scenario is there to answer."""
    plan: str = ""
    """Which of several plans this is, where it is one of a comparison: errors say so."""

    def place(self, key: Key) -> str:
        """Where `key`, or the nearest thing around it, was written."""
        while key and key not in self.places:
            key = key[:-1]
        return self.places.get(key, self.file)

    def override(self, dotted: str, value: Any, *, place: str = SET) -> Self:
        """A copy with the key at ``a.b.c`` replaced, whose errors then point at `place`. None removes the key.

        What users name themselves comes into being as a whole only, as in ``providers.cloud.pools.new`` with a mapping.
        """
        key = split_key(dotted)
        data = copy.deepcopy(self.data)
        holder: Any = data
        for depth, part in enumerate(key[:-1]):
            _refuse_unknown(holder, key, depth, place)
            if isinstance(holder, dict):
                holder = holder.setdefault(part, {})
            elif isinstance(holder, list) and isinstance(part, int) and part < len(holder):
                holder = holder[part]
            if not isinstance(holder, dict | list):
                dotted_part = ".".join(map(str, key[: depth + 1]))
                raise InputError.of(f"{dotted_part} is a single value, so it has no key {key[depth + 1]!r}", where=place, key=dotted)
        last: Any = key[-1]
        if isinstance(holder, list) and not (isinstance(last, int) and last < len(holder)):
            raise InputError.of(f"found index {last!r}; the list has items 0 to {len(holder) - 1}", where=place, key=dotted)
        if value is None and isinstance(holder, dict):
            _refuse_unknown(holder, key, len(key) - 1, place)
            holder.pop(last, None)
        else:
            holder[last] = copy.deepcopy(value)
        places = {path: place for path, place in self.places.items() if path[: len(key)] != key}
        return replace(self, data=data, places=places | {key: place})

    def digest(self) -> str:
        """SHA-256 of the resolved data."""
        return hashlib.sha256(json.dumps(self.data, sort_keys=True, default=str).encode()).hexdigest()


def _refuse_unknown(holder: Any, key: Key, depth: int, place: str) -> None:
    """InputError where `key` has at `depth` a name that users give and `holder`, which should have it, has not."""
    part, around = key[depth], key[:depth]
    if around[-1:] in NAMED_BY_USERS and isinstance(holder, dict) and part not in holder:
        known = nearest(str(part), [str(name) for name in holder]) if holder else "nothing is there"
        raise InputError.of(f"there is no {part!r} in {'.'.join(map(str, around))}; {known}", where=place, key=".".join(map(str, key)))


def named(plans: Mapping[str, Document]) -> dict[str, Document]:
    """The plans of one comparison, each told which it is."""
    return {plan: replace(document, plan=plan) for plan, document in plans.items()}


def split_key(dotted: str) -> Key:
    """``a.b.0`` as its parts; whole numbers are places in lists."""
    parts = dotted.split(".")
    if not all(parts):
        raise InputError.of(f"found {dotted!r}; write the key as in providers.challenger.pools.h100.nodes", where=SET)
    return tuple(int(part) if part.isdigit() else part for part in parts)


def parse_set(argument: str) -> tuple[str, Any]:
    """``KEY=VALUE`` of the command line; the value is read as YAML, so lists and mappings work."""
    key, equals, text = argument.partition("=")
    if not equals or not key.strip():
        raise InputError.of(f"found {argument!r}; write KEY=VALUE, as in --set horizon='30 d'", where=SET)
    node = _compose(text, SET)
    return key.strip(), None if node is None else _build(node, SET, (), {})


def parse_choices(argument: str) -> tuple[str, list[Any]]:
    """``KEY=V1,V2,…`` of the command line: the values, each read as YAML; a comma inside brackets or quotes parts nothing."""
    key, equals, text = argument.partition("=")
    if not equals or not key.strip() or not text.strip():
        raise InputError.of(
            f"found {argument!r}; write KEY=V1,V2,… or KEY=0..96, as in --set providers.cloud.pools.h100.nodes=0,16,32", where=SET
        )
    node = _compose(f"[{text}]", SET)
    return key.strip(), [] if node is None else _build(node, SET, (), {})


def read_document(path: FilePath, *, shipped: dict[str, FilePath] | None = None) -> Document:
    """Read a scenario file with everything it extends; InputError where it is not readable YAML."""
    return _read(path, shipped or {}, ())


def _read(path: FilePath, shipped: dict[str, FilePath], chain: tuple[FilePath, ...]) -> Document:
    if path.is_dir():
        raise InputError.of("is a folder; give a scenario file (.yaml)", where=str(path))
    if path.resolve() in chain or len(chain) >= MAX_EXTENDS:
        raise InputError.of("extends itself; remove one 'extends' of the circle", where=str(path), key="extends")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError.of(f"cannot be read: {error.strerror}", where=str(path)) from None
    if len(raw) > MAX_BYTES:
        raise InputError.of(f"has {len(raw)} bytes; a scenario has at most {MAX_BYTES}", where=str(path))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError.of("is not UTF-8 text; give a scenario file (.yaml)", where=str(path)) from None
    places: dict[Key, str] = {}
    node = _compose(text, str(path))
    if not isinstance(node, MappingNode):
        raise InputError.of("holds no scenario; the top level must be keys, as in 'name: my-plan'", where=str(path))
    data: dict[str, Any] = _build(node, str(path), (), places)
    _absolute(data, path.resolve().parent)
    parent = data.pop("extends", None)
    if parent is None:
        return Document(data, str(path), path.resolve().parent, places, _question(text))
    base_path = shipped.get(str(parent), path.parent / str(parent))
    if not base_path.exists():
        raise InputError.of(
            f"found {parent!r}, which is neither a file beside it nor a shipped scenario",
            where=places[("extends",)],
            key="extends",
        )
    base = _read(base_path, shipped, (*chain, path.resolve()))
    return Document(_merge(base.data, data), str(path), path.resolve().parent, base.places | places, _question(text) or base.question)


def _question(text: str) -> str:
    first = text.partition("\n")[0]
    return first.lstrip("# ").strip() if first.startswith("#") else ""


def _absolute(data: dict[str, Any], folder: FilePath) -> None:
    """Paths count from the file that names them, so that a resolved copy means the same elsewhere."""

    def fix(holder: Any, key: str) -> None:
        if isinstance(holder, dict) and isinstance(holder.get(key), str) and not holder[key].startswith("$"):
            holder[key] = str(folder / FilePath(holder[key]).expanduser())

    workloads = data.get("workloads")
    for work in workloads.values() if isinstance(workloads, dict) else ():
        fix(work, "path")
    for part in (one.get(key) for one in [*_sellers(data), *_pools(data)] for key in ("offer", "power")):
        for value in part.values() if isinstance(part, dict) else ():
            fix(value, "trace")
    fix(data, "calibration")
    if isinstance(data.get("calibration"), dict):
        for gpu in data["calibration"]:
            fix(data["calibration"], gpu)


def _sellers(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Every provider as written, whatever else in the file is wrong."""
    providers = data.get("providers")
    return [one for one in providers.values() if isinstance(one, dict)] if isinstance(providers, dict) else []


def _pools(data: dict[str, Any]) -> list[dict[str, Any]]:
    groups = [one["pools"] for one in _sellers(data) if isinstance(one.get("pools"), dict)]
    return [pool for group in groups for pool in group.values() if isinstance(pool, dict)]


def _merge(base: Any, over: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    merged = {key: _merge(base[key], over[key]) if key in over else value for key, value in base.items()}
    merged |= {key: value for key, value in over.items() if key not in base}
    return {key: value for key, value in merged.items() if not (value is None and key in over)}


def _compose(text: str, where: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    try:
        node: Node | None = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark is not None else where
        raise InputError.of(f"is not YAML: {error.problem or error.context}", where=at) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise InputError.of(f"is not YAML: {str(error).splitlines()[0] if str(error) else 'nested too deeply'}", where=where) from None
    return node


def _build(root: Node, where: str, start: Key, places: dict[Key, str]) -> Any:
    """Plain data from a node tree, noting places; refuses duplicate keys, foreign tags, excess depth and expansion."""
    yaml = YAML(typ="safe", pure=True)
    problems: list[Problem] = []
    seen = 0

    def at(node: Node) -> str:
        return f"{where}:{node.start_mark.line + 1}:{node.start_mark.column + 1}" if where != SET else SET

    def scalar(node: ScalarNode) -> Any:
        if node.ctag is not None and not str(node.tag).startswith("tag:yaml.org,2002:"):
            problems.append(Problem(f"found the tag {node.tag}; a scenario is plain data", at(node)))
            return None
        if str(node.tag) == "tag:yaml.org,2002:timestamp":
            return node.value
        try:
            return yaml.constructor.construct_object(node, deep=True)
        except (YAMLError, ValueError, OverflowError):
            problems.append(Problem(f"found {node.value!r}, which cannot be read; a scenario is plain data", at(node)))
            return None

    def build(node: Node, key: Key) -> Any:
        nonlocal seen
        seen += 1
        if seen > MAX_NODES or len(key) - len(start) > MAX_DEPTH:
            raise InputError.of(f"is nested over {MAX_DEPTH} deep or expands to over {MAX_NODES} values", where=at(node))
        places.setdefault(key, at(node))
        if isinstance(node, MappingNode):
            return mapping(node, key)
        if isinstance(node, SequenceNode):
            return [build(item, (*key, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return scalar(node)

    def mapping(node: MappingNode, key: Key) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for name_node, value_node in node.value:
            if not isinstance(name_node, ScalarNode):
                problems.append(Problem("found a list or mapping as a key; keys are single words", at(name_node)))
                continue
            name = scalar(name_node)
            if name in result:
                first = places[(*key, name)]
                problems.append(Problem(f"is written twice, first at {first}; keep one", at(name_node), ".".join(map(str, (*key, name)))))
                continue
            places[(*key, name)] = at(name_node)
            result[name] = build(value_node, (*key, name))
        return result

    value = build(root, start)
    if problems:
        raise InputError(problems)
    return value
