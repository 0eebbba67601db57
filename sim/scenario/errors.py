"""What goes wrong with a user's input, said once and in full.

Every room raises `InputError` where the knowledge is; the command line prints its problems, one line each, without a
traceback, and exits with code 2. A problem says where, which key, what was found and what would do.
"""

from dataclasses import dataclass, replace
from typing import Self

Broken = tuple[tuple[str | int, ...], str]
"""Path of the key that breaks a rule, and what is wrong with it."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong: `where` is ``file:line:column`` (or ``--set``), `key` the dotted key, `message` found and remedy."""

    message: str
    where: str = ""
    key: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.message) if part)


class InputError(Exception):
    """Input that cannot be used; carries every problem found, not only the first. `details` belong in a file, as a traceback does."""

    details: str = ""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    @classmethod
    def of(cls, message: str, *, where: str = "", key: str = "") -> Self:
        return cls([Problem(message, where, key)])

    def under(self, key: str) -> Self:
        """The same problems, each found beneath `key`."""
        return type(self)(
            [replace(one, key=f"{key}.{one.key}" if one.key and not one.key.startswith(key) else one.key or key) for one in self.problems]
        )

    def __reduce__(self) -> tuple[type["InputError"], tuple[list[Problem]]]:
        return (type(self), (self.problems,))
