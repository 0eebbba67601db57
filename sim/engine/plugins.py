"""Policies of third parties at work: loaded when used, named when they fail (`sim.scenario.plugins` says how they are found)."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from typing import Any, TypeVar

from sim.scenario.errors import InputError, Problem
from sim.scenario.plugins import plugins

Terms = TypeVar("Terms")
"""What a policy is built from."""
Policy = TypeVar("Policy")


class PluginError(InputError):
    """A plugin raised; `details` is the traceback, for a file of its own."""

    def __init__(self, problems: list[Problem], details: str = "") -> None:
        super().__init__(problems)
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.problems, self.details))


def policy(kind: str, name: str, own: Mapping[str, Callable[[Terms], Policy]]) -> Callable[[Terms], Policy]:
    """What builds the policy of this name, one of our `own` or a plugin's; PluginError where a plugin cannot be loaded."""
    if name in own:
        return own[name]
    point = plugins(kind)[name]
    try:
        built: Callable[[Terms], Policy] = point.load()
    except Exception as error:
        raise _failed(point, error) from error
    return built


@contextmanager
def plugins_named(used: Mapping[str, str]) -> Iterator[None]:
    """What is raised in the block while a plugin is `used` (kind to name) becomes a PluginError that names it.

    The plugin in whose code it was raised; where it was raised in ours (a plugin that lacks a method, or returns what it must not), the
    first that is used. InputErrors pass, and everything where no plugin is used.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        packages = {str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in traceback.walk_tb(error.__traceback__)}
        points = [point for kind, name in used.items() if (point := plugins(kind).get(name)) is not None]
        if not points:
            raise
        guilty = [point for point in points if point.module.partition(".")[0] in packages]
        raise _failed(guilty[0], error) if guilty else _failed(points[0], error, "is no such policy, or met a fault of ours:") from error


def _failed(point: EntryPoint, error: Exception, did: str = "raised") -> PluginError:
    whose = f" of {point.dist.name}" if point.dist is not None else ""
    message = f"the plugin {point.name!r}{whose} ({point.value}) {did} {type(error).__name__}: {error}; the run failed, nothing was kept"
    return PluginError([Problem(message, key=point.group)], "".join(traceback.format_exception(error)))
