"""Flags that several commands share, and the scenario they name."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.scenario.document import Document

SCENARIO = "a YAML file, or the name of a shipped scenario ('leadtime scenarios' lists them)"
"""What the argument of that name is, in ``--help``."""


def whole(least: int) -> Callable[[str], int]:
    """A whole number of at least `least`."""

    def parse(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"found {text!r}; a whole number, {least} or more, would do")
        return int(text)

    return parse


def add_override_flags(parser: argparse.ArgumentParser, *, varied: bool = False) -> None:
    """What changes a scenario for one command: ``--set``, ``--seed`` and ``--replications``; `varied` says that a key takes many values."""
    form, says = "KEY=VALUE", "replace a key, as in horizon='30 d'"
    if varied:
        form, says = "KEY=V1,V2,…", "vary a key, as in providers.cloud.pools.h100.nodes=0..96 or workloads.finetune.arrivals.rate=20/d,40/d"
    parser.add_argument("--set", metavar=form, action="append", default=[], dest="sets", help=says)
    parser.add_argument("--seed", type=whole(0), metavar="N", help="of every random stream")
    parser.add_argument("--replications", type=whole(1), metavar="N", help="independent repetitions, for the intervals")


def add_running_flags(parser: argparse.ArgumentParser) -> None:
    """How plans are run and where the results go: ``--workers`` or ``--cluster``, ``--out`` and ``--json``."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=whole(1), metavar="N", help="processes (default: as many as pay)")
    where.add_argument("--cluster", metavar="ADDRESS", help="run on the Dask cluster whose scheduler is there, as in tcp://10.0.0.1:8786")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (default: runs/<scenario>-<hash>)")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON document")


def open_scenario(scenario: str, options: argparse.Namespace) -> "Document":
    """The scenario of that path or shipped name, with the overrides that `add_override_flags` read."""
    from sim.scenario.document import parse_set
    from sim.scenario.loading import open_document

    document = open_document(scenario)
    for name in ("seed", "replications"):
        if getattr(options, name) is not None:
            document = document.override(name, getattr(options, name), place=f"--{name}")
    for argument in options.sets:
        key, value = parse_set(argument)
        document = document.override(key, value)
    return document


def open_varied(scenario: str, options: argparse.Namespace) -> tuple["Document", dict[str, Any]]:
    """The scenario, and the keys that ``--set`` gives several values or a range; a key with one value is replaced, as in every command."""
    from sim.scenario.document import parse_choices
    from sim.scenario.values import is_range

    over: dict[str, Any] = {}
    fixed = []
    for argument in options.sets:
        key, values = parse_choices(argument)
        if len(values) > 1 or (values and is_range(values[0])):
            over[key] = values[0] if len(values) == 1 else values
        else:
            fixed.append(argument)
    return open_scenario(scenario, argparse.Namespace(**(vars(options) | {"sets": fixed}))), over
