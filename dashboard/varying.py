"""Widgets that say which keys of a scenario vary, over what, and how often each plan is run: what pages of several plans have in common."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import streamlit as st
from pydantic_core import PydanticCustomError
from streamlit.delta_generator import DeltaGenerator

from dashboard.showing import plain
from sim.scenario.document import Document, parse_choices
from sim.scenario.errors import InputError
from sim.scenario.keys import SPAN
from sim.scenario.loading import open_document, shipped_scenarios
from sim.scenario.scenario import Scenario
from sim.scenario.values import Choices, is_range, parse_values

START = "cheapest-mix"
HELP = "write 0, 16, 32 or 0..96 or 1 h..8 h step 1 h"
USUAL = ("nodes", "offer", "rate", "precision", "order", "backfill", "expected-wait", "policy")
"""Ends of the keys that plans usually differ in; they are offered first."""


def scenarios_here() -> list[str]:
    """What a page can start from: the shipped scenarios by name, then the YAML files of the folder that the dashboard was started in."""
    return [*shipped_scenarios(), *sorted(map(str, Path().glob("*.yaml")))]


def choose_scenario(key: str) -> tuple[str, Document]:
    """A scenario's name or file, and its document."""
    offered = scenarios_here()
    name = st.selectbox("Scenario", offered, index=offered.index(START), key=f"{key}-scenario", persist_state="session")
    return name, open_document(name)


def choose_replications(at: DeltaGenerator, label: str, scenario: Scenario, *, key: str) -> int:
    """How often each plan is run: as the scenario says, or a few times where it says more, for an answer while one looks.

    Antithetic replications come in pairs, and so do the field's steps.
    """
    least, few = (2, 4) if scenario.antithetic else (1, 5)
    few = min(scenario.replications, few)
    return int(at.number_input(label, min_value=least, value=few, step=least, key=key, persist_state="session"))


def choose_values(document: Document, written: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """The keys chosen and the values given to each, as `study.sweep` and `study.optimise.over` hold them; None where one cannot be read."""
    offered = [*written, *(one for one in _keys(document.data) if one not in written)]
    chosen = st.multiselect(
        "Keys to vary", offered, default=list(written), key=f"{key}-keys", placeholder="Choose keys", persist_state="session"
    )
    over = {}
    for one in chosen:
        shown = _shown(written[one]) if one in written else one_line(_at(document.data, one))
        over[one] = field(f"Values of {one}", shown, partial(_values, one), key=f"{key}-values-{one}", help=HELP)
    return None if None in over.values() else over


def field(label: str, shown: str, read: Callable[[str], Any], *, key: str, help: str | None = None) -> Any:
    """What a field says, `read`; None where that is nothing or cannot be read, which is told beneath the field."""
    text = st.text_input(label, shown, key=key, help=help, persist_state="session")
    try:
        value = read(text) if text.strip() else None
    except InputError as error:
        for problem in error.problems:
            unread = f"found {text!r}, which cannot be read: brackets and quotes come in pairs"
            st.error(plain(f"{label}: {unread if problem.message.startswith('is not YAML') else problem.message}"))
        return None
    if value is None:
        st.error(plain(f"{label}: found nothing; {help or f'{shown} would do'}"))
    return value


def combinations(over: Mapping[str, Any]) -> int | None:
    """Plans that these values make together; None where a range has no step, and so no end of plans."""
    values = [parse_values(one) for one in over.values()]
    choices = [one.values for one in values if isinstance(one, Choices)]
    return prod(map(len, choices)) if len(choices) == len(values) else None


def _values(key: str, text: str) -> Any:
    _, values = parse_choices(f"{key}={text}")
    over = values[0] if len(values) == 1 and is_range(values[0]) else values
    try:
        parse_values(over)
    except PydanticCustomError as error:
        raise InputError.of(error.message()) from None
    return over


def _shown(values: Any) -> str:
    return ", ".join(map(one_line, values)) if isinstance(values, list) else str(values)


def _at(data: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        data = data[part]
    return data


def _keys(data: dict[str, Any]) -> list[str]:
    """Every key with a single value in which plans may differ, and each offer; those in which they usually do first."""
    keys = [key for key in _leaves(data, ()) if not key.startswith(("study", "name", "seed", "replications", *SPAN))]
    return sorted(keys, key=lambda key: key.rsplit(".", 1)[-1] not in USUAL)


def _leaves(data: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name, value in data.items():
        here = (*path, str(name))
        if name == "offer" or not isinstance(value, dict | list):
            yield ".".join(here)
        elif isinstance(value, dict):
            yield from _leaves(value, here)


def one_line(value: Any) -> str:
    """A value as a scenario writes it, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {one_line(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(one_line, value)) + "]"
    return "null" if value is None else str(value)
