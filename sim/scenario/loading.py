"""From a path, a shipped name or a `Document` to a validated `Scenario`; every error at once, each with its line."""

import re
from copy import deepcopy
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML

from sim.scenario.checks import broken_rules
from sim.scenario.document import Document, Key, read_document, split_key
from sim.scenario.errors import InputError, Problem
from sim.scenario.keys import FREE, broken_study_keys, known_keys
from sim.scenario.nearest import meant, nearest
from sim.scenario.scenario import Scenario
from sim.scenario.taking_out import may_be_due_to, near, take_out
from sim.scenario.workloads import KINDS

TAGS = ("kind:", "offer:")
ROUNDS = 6
"""Of validation, each without what was wrong in those before: a pool goes in four, after its price and its offer."""
Words = TypeVar("Words")


def shipped_scenarios() -> dict[str, Path]:
    """Name to file, for the scenarios that come with the package."""
    return {path.stem: path for path in sorted(Path(str(resources.files("scenarios"))).glob("*.yaml"))}


def open_document(scenario: str) -> Document:
    """The document at a path, or of a shipped scenario's name."""
    shipped = shipped_scenarios()
    path = Path(scenario)
    if not path.exists() and scenario in shipped:
        path = shipped[scenario]
    if not path.exists():
        raise InputError.of(f"no such file, and no shipped scenario of that name; {nearest(scenario, list(shipped))}", where=scenario)
    return read_document(path, shipped=shipped)


def validate(document: Document) -> Scenario:
    """The scenario a document says; InputError with every problem, in the order of the file."""
    scenario, problems, taken = _read(document)
    if scenario is not None:
        rules = [one for one in broken_rules(scenario) if not (taken and may_be_due_to(one, taken))]
        varied = [one for one in broken_study_keys(scenario, document.data) if not near(split_key(str(one[0][-1])), taken)]
        problems += [Problem(message, document.place(key), _dotted(key)) for key, message in [*rules, *varied]]
    if scenario is None or problems:
        raise InputError(sorted(problems, key=_line))
    return scenario


def _read(document: Document) -> tuple[Scenario | None, list[Problem], dict[Key, Any]]:
    """The scenario without what is wrong in it (None where too much is), every problem, and by its key what was taken out for one."""
    data, taken = document.data, dict[Key, Any]()
    problems: list[Problem] = []
    for _ in range(ROUNDS):
        try:
            return TypeAdapter(Scenario).validate_python(data), problems, taken
        except ValidationError as error:
            items = error.errors()
        keys = [_written(item["loc"]) for item in items]
        problems += [_problem(document, item) for item, key in zip(items, keys, strict=True) if not near(key, taken)]
        data = deepcopy(data)
        out = take_out(data, keys, taken)
        if not out:
            break
        taken = out | taken
    return None, problems, taken


def read_words(kind: TypeAdapter[Words], document: Document) -> Words:
    """A document's data as words of this kind; InputError with every problem, each where it was written."""
    try:
        return kind.validate_python(document.data)
    except ValidationError as error:
        raise InputError([_problem(document, item) for item in error.errors()]) from None


def _line(problem: Problem) -> tuple[str, int, int]:
    """The place of a problem, to sort by."""
    place = re.fullmatch(r"(.*):(\d+):(\d+)", problem.where)
    return (place[1], int(place[2]), int(place[3])) if place else (problem.where, 0, 0)


def _problem(document: Document, item: ErrorDetails) -> Problem:
    key = _written(item["loc"])
    place = document.place(key)
    kind, found = item["type"], item["input"]
    if kind == "extra_forbidden":
        known = [name for name in known_keys(document.data, key[:-1]) if name != FREE]
        return Problem(f"is not a key here; {nearest(str(key[-1]), known)}", place, _dotted(key))
    if kind == "missing":
        return Problem(f"is missing: add '{key[-1]}: …'", place, _dotted(key))
    if kind == "kind":
        return Problem(_no_kind(found), place, _dotted(key))
    if kind == "literal_error":
        words = item["ctx"]["expected"]
        near_word = meant(str(found), re.findall("'([^']*)'", words))
        return Problem(f"found {_short(found)}; {near_word or f'one of {words} would do'}", place, _dotted(key))
    messages = {
        "string_type": "found {found}, which is not text; put it in quotes or write a word",
        "dict_type": "found {found}; a mapping of keys and values would do",
        "model_type": "found {found}; a mapping of keys and values would do",
        "tuple_type": "found {found}; a list, as in [a, b], would do",
        "too_short": "is empty; give at least one",
        "string_pattern_mismatch": "found {found}; a name has letters, digits, - and _ only (a plan's also spaces)",
    }
    shown = _short(found)
    if kind in messages:
        message = messages[kind].format(found=shown)
    else:
        message = item["msg"] if item["msg"].startswith(("found", "the shares")) else f"found {shown}; {item['msg']}"
    return Problem(message, place, _dotted(key))


def _no_kind(work: object) -> str:
    """What is wrong with the kind of a workload, or with what stands in the place of one."""
    kind = work.get("kind") if isinstance(work, dict) else work
    found = "has no kind" if kind is None else f"found {_short(kind)}"
    would_do = meant(str(kind), KINDS) or f"one of {', '.join(KINDS)} would do, as in 'kind: training'"
    return f"{found}; {would_do}"


def _short(found: object) -> str:
    text = repr(found)
    return text if len(text) <= 60 else text[:57] + "…"


def _written(loc: tuple[str | int, ...]) -> Key:
    """Pydantic's location without its union tags: the key as the user wrote it."""
    key: list[str | int] = []
    for part in loc:
        if isinstance(part, str) and part.startswith(TAGS):
            continue
        if part == "[key]":
            continue
        key.append(part)
    return tuple(key)


def _dotted(key: Key) -> str:
    return ".".join(map(str, key))


def resolved_yaml(document: Document) -> str:
    """The document with ``extends`` and overrides applied, as YAML that loads again."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None  # lists of plain values on one line
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the stub knows only its first value
    stream = StringIO()
    yaml.dump(document.data, stream)
    return stream.getvalue()
