"""Prices and intensities over time: exact integrals of steps and of recorded files, and files refused with a remedy."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.demand.step_path import StepPath, step_path
from sim.scenario.errors import InputError
from sim.scenario.over_time import OverTime


@given(
    steps=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9)), min_size=1, max_size=8),
    tail=st.integers(1, 50),
    repeats=st.booleans(),
    span=st.tuples(st.integers(0, 400), st.integers(0, 400)),
)
def test_integrals_are_exact(steps: list[tuple[int, int]], tail: int, repeats: bool, span: tuple[int, int]) -> None:
    """Against a sum second by second in exact fractions, over spans that begin and end anywhere, round after round."""
    time = np.cumsum([0, *(gap for gap, _ in steps[:-1])]).astype(float)
    last = float(time[-1]) + tail
    path = StepPath(time, np.array([level for _, level in steps], float), last if repeats else np.inf)
    low, high = min(span), max(span)

    def level(second: int) -> Fraction:
        within = second % int(last) if repeats else second
        return Fraction(steps[int(np.searchsorted(time, within, side="right")) - 1][1])

    exact = sum((level(second) for second in range(low, high)), Fraction(0))
    assert float(path.between(float(low), float(high))) == pytest.approx(float(exact), abs=1e-9)
    assert path.at(np.array([float(low)]))[0] == float(level(low))


def test_a_recorded_file_begins_again_where_it_ends(tmp_path: Path) -> None:
    """Hours of 1, 3 and 2 USD by timestamp: the last lasts an hour as well, and the fourth hour is the first again."""
    file = tmp_path / "prices.csv"
    file.write_text("time,usd_per_gpu_hour\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00Z,3\n2026-01-01T02:00:00Z,2\n")
    path = step_path(OverTime((), str(file), "usd_per_gpu_hour"))
    assert path.period_s == 3 * 3600
    assert float(path.between(0.0, 4 * 3600.0)) == 7 * 3600


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("time,price\n0,1\n", "has no column 'usd_per_gpu_hour'"),
        ("time,usd_per_gpu_hour\n", "has no row"),
        ("time,usd_per_gpu_hour\n0,1\nnoon,2\n", "row 3 has no time"),
        ("time,usd_per_gpu_hour\n0,-1\n", "row 2 has no time and usd_per_gpu_hour of 0 or more"),
        ("time,usd_per_gpu_hour\n0,1\n60,2\n60,3\n", "row 4 is not later"),
    ],
)
def test_files_that_say_no_path_are_refused(tmp_path: Path, content: str, says: str) -> None:
    """Column, rows, numbers, order."""
    file = tmp_path / "prices.csv"
    file.write_text(content)
    with pytest.raises(InputError, match=says):
        step_path(OverTime((), str(file), "usd_per_gpu_hour"))
