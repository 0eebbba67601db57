"""The parser of the command and of each of its commands: argparse's, which tells a wrong argument as every other error is told.

One line with what was found and what would do, and where to read more, instead of the whole usage.
"""

import argparse
import re
from collections.abc import Callable
from typing import NoReturn

WORDED: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"argument (.+?): invalid choice: '(.*?)' \(choose from (.+)\)", lambda m: f"{m[1]}: found {m[2]!r}; {_meant(m[2], m[3])}"),
    (r"argument (.+?): ignored explicit argument '(.*)'", lambda m: f"{m[1]}: found {m[2]!r}, but it takes no value"),
    (r"argument (.+?): not allowed with argument (.+)", lambda m: f"{m[1]}: does not go with {m[2]}; give one of them"),
    (r"argument (.+?): expected (?:one|at least one) argument", lambda m: f"{m[1]}: needs a value"),
    (r"unrecognized arguments: (.+)", lambda m: f"found {m[1]!r}, which is no argument here"),
    (r"the following arguments are required: (.+)", lambda m: f"{m[1]} is missing"),
    (r"argument (.+?): (.+)", lambda m: f"{m[1]}: {m[2]}"),
)
"""argparse's messages, and how we say them."""


class Parser(argparse.ArgumentParser):
    """`ArgumentParser` with errors of one line."""

    def error(self, message: str) -> NoReturn:
        for pattern, worded in WORDED:
            if found := re.fullmatch(pattern, message):
                message = worded(found)
                break
        self.exit(2, f"leadtime: {message}; '{self.prog} --help' says more\n")


def _meant(word: str, choices: str) -> str:
    from sim.scenario.nearest import nearest

    return nearest(word, [choice.strip("'") for choice in choices.split(", ")])
