"""Policies of third parties at work: loaded when used, named when they fail (`sim.scenario.plugins` says how they are found)."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from typing import Any

from sim.scenario.errors import InputError, Problem
from sim.scenario.plugins import plugins


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


@contextmanager
def plugins_named(used: Mapping[str, str]) -> Iterator[None]:
    """What is raised in the block while the code of a plugin `used` (kind to name) runs becomes a PluginError that names it.

    InputErrors and the rest pass.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        packages = {str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in traceback.walk_tb(error.__traceback__)}
        named = [plugins(kind).get(name) for kind, name in used.items()]
        points = [point for point in named if point is not None and point.module.partition(".")[0] in packages]
        if not points:
            raise
        raise _failed(points[0], error) from error


def _failed(point: EntryPoint, error: Exception) -> PluginError:
    whose = f" of {point.dist.name}" if point.dist is not None else ""
    message = f"the plugin {point.name!r}{whose} ({point.value}) raised {type(error).__name__}: {error}; the run failed, nothing was kept"
    return PluginError([Problem(message, key=point.group)], "".join(traceback.format_exception(error)))
