"""The ``leadtime`` command: parse, call, print. One file a command (or two that belong together), each adding its own parser.

Rooms are imported when their command is called, so that ``--help`` answers at once.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sim import __version__
from sim.cli import compare, dashboard, estimate, optimise, profile, report, run, scenarios, sensitivity, sweep, validate, why
from sim.cli.arguments import SCENARIO
from sim.cli.parser import Parser
from sim.scenario.errors import InputError

COMMANDS = (run, compare, sweep, optimise, sensitivity, scenarios, report, why, profile, estimate, validate, dashboard)
"""In the order in which ``--help`` lists them."""

WRONG_INPUT, STOPPED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 a target was missed under ``--check``, 2 the input is wrong."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except InputError as error:
        for problem in error.problems:
            print(f"leadtime: {problem}", file=sys.stderr)
        if error.details:
            print(f"leadtime: its traceback is in {_kept(error.details)}", file=sys.stderr)
        return WRONG_INPUT
    except BrokenPipeError:  # the reader of a pipe had enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt as stop:
        print(f"leadtime: {str(stop) or 'stopped; nothing was written'}", file=sys.stderr)
        return STOPPED


def _kept(details: str) -> Path:
    """A new file, here or among temporary files, with what a person who mends a plugin needs."""
    for folder in (Path.cwd(), None):
        try:
            handle, name = tempfile.mkstemp(prefix="leadtime-failed-", suffix=".txt", dir=folder, text=True)
        except OSError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(details)
        return Path(name)
    return Path(os.devnull)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="leadtime",
        description="How long will AI work wait for compute, what will it cost, and what should change?",
        epilog=f"SCENARIO is {SCENARIO}.",
    )
    parser.add_argument("--version", action="version", version=f"leadtime {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser
