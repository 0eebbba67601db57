"""A quantity over time in steps, with its exact integral: what an hour costs, what a kWh emits, as the user wrote or recorded it."""

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sim.demand.file_state import State, state_of
from sim.demand.table import Floats
from sim.demand.traces.table_file import numbers, read_rows, require, seconds
from sim.scenario.errors import InputError
from sim.scenario.over_time import OverTime


@dataclass(frozen=True, eq=False)
class StepPath:
    """`level` holds from `time_s` (ascending, from 0) to the next; after `period_s` the path begins again (infinity: the last holds)."""

    time_s: Floats
    level: Floats
    period_s: float = np.inf

    def at(self, time_s: Floats) -> Floats:
        """The level at each time."""
        within = time_s % self.period_s if np.isfinite(self.period_s) else time_s
        return np.asarray(self.level[np.searchsorted(self.time_s, within, side="right") - 1])

    def between(self, from_s: Floats | float, to_s: Floats | float) -> Floats:
        """∫ level dt over each [from, to], in level × seconds."""
        return np.asarray(self._until(np.asarray(to_s, np.float64)) - self._until(np.asarray(from_s, np.float64)))

    def mean(self, from_s: float, to_s: float) -> float:
        return float(self.between(from_s, to_s)) / (to_s - from_s)

    def _until(self, time_s: Floats) -> Floats:
        """∫ level dt over [0, time]."""
        if len(self.level) == 1:
            return np.asarray(self.level[0] * time_s)
        before = np.concatenate([[0.0], np.cumsum(self.level[:-1] * np.diff(self.time_s))])
        rounds: Floats | float = 0.0
        whole = 0.0
        if np.isfinite(self.period_s):
            rounds = np.floor(time_s / self.period_s)
            time_s = time_s - rounds * self.period_s
            whole = float(before[-1] + self.level[-1] * (self.period_s - self.time_s[-1]))
        step = np.searchsorted(self.time_s, time_s, side="right") - 1
        return np.asarray(rounds * whole + before[step] + self.level[step] * (time_s - self.time_s[step]))


ONE = StepPath(np.zeros(1), np.ones(1))


def step_path(word: OverTime) -> StepPath:
    """The path that a scenario's word says; InputError, beneath ``trace``, where its file cannot be used."""
    if word.trace is not None:
        file = _file(word.trace)
        return _recorded(file, state_of(file), word.column)
    return StepPath(np.array([time for time, _ in word.steps]), np.array([level for _, level in word.steps]))


def _file(written: str) -> Path:
    path = os.path.expandvars(written)
    if path.startswith("$"):
        raise InputError.of(
            f"found {written!r}, and that variable is not set in the environment; set it, or write the file's path", key="trace"
        )
    return Path(path)


@lru_cache(maxsize=16)
def _recorded(file: Path, state: State, column: str) -> StepPath:  # noqa: ARG001  of another state another path is kept
    """The path of a file's rows, read once however many replications follow it; its last step lasts as long as the one before."""
    rows = read_rows(file, {})
    require(rows, ("time", column), file)
    time, level = seconds(rows["time"]), numbers(rows[column])
    bad = np.flatnonzero(~(np.isfinite(time) & np.isfinite(level) & (level >= 0)))
    if not len(rows) or len(bad):
        what = f"row {bad[0] + 2} has no time and {column} of 0 or more" if len(bad) else "has no row"
        raise InputError.of(f"{what}; each row needs both, as in '3600, 1.25'", where=str(file), key="trace")
    gaps = np.diff(time)
    if (gaps <= 0).any():
        row = int(np.flatnonzero(gaps <= 0)[0]) + 3
        raise InputError.of(
            f"row {row} is not later than the one before; sort the rows by time, each time once", where=str(file), key="trace"
        )
    return StepPath(time - time[0], level, float(time[-1] - time[0] + gaps[-1]) if len(gaps) else np.inf)
