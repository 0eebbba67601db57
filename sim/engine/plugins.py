"""Policies of third parties at work: loaded when used, named when they fail (`sim.scenario.plugins` says how they are found)."""

import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from types import TracebackType
from typing import Any

from sim.scenario.errors import InputError, Problem
from sim.scenario.plugins import plugins

KINDS = ("orderings", "routings", "preemptions")


class PluginError(InputError):
    """A plugin raised; `details` is the traceback, for a file of its own."""

    def __init__(self, problems: list[Problem], details: str = "") -> None:
        super().__init__(problems)
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.problems, self.details))


def policy(kind: str, name: str, own: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """What builds the policy of this name; PluginError where a plugin cannot be loaded."""
    if name in own:
        return own[name]
    point = plugins(kind)[name]
    try:
        built: Callable[..., Any] = point.load()
    except Exception as error:
        raise _failed(point, error) from error
    return built


def blame(error: Exception) -> Exception:
    """The error to raise for one that a run raised: a plugin's own name where a plugin's code was running, else the error itself."""
    if isinstance(error, InputError):
        return error
    running = set(_modules(error.__traceback__))
    for kind in KINDS:
        for point in plugins(kind).values():
            if any(module == point.module or module.startswith(point.module.split(".")[0] + ".") for module in running):
                return _failed(point, error)
    return error


def _modules(frames: TracebackType | None) -> list[str]:
    return [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(frames)]


def _failed(point: EntryPoint, error: Exception) -> PluginError:
    whose = f" of {point.dist.name}" if point.dist is not None else ""
    message = f"the plugin {point.name!r}{whose} ({point.value}) raised {type(error).__name__}: {error}; the run failed, nothing was kept"
    return PluginError([Problem(message, key=point.group)], "".join(traceback.format_exception(error)))
