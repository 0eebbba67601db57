"""BCa intervals: they cover skewed means, follow the skew, and are nothing for what never varies."""

import numpy as np

from sim.results.bootstrap import bca
from sim.results.statistics import Intervals, estimate


def test_they_cover_a_skewed_mean_about_as_often_as_they_say() -> None:
    """Exponential samples of 30: known to fall a few points short of 95 %, and never to 88 %."""
    rng = np.random.default_rng(5)
    hits = 0
    for row in rng.exponential(1.0, (600, 30)):
        low, high = bca(row, 0.95, rng)
        hits += low <= 1.0 <= high
    assert 0.90 <= hits / 600 <= 0.97


def test_they_lean_the_way_the_sample_does() -> None:
    """A long tail upwards makes the upper side the wider one; a constant has no width."""
    sample = np.random.default_rng(6).exponential(1.0, 40)
    low, high = bca(sample, 0.95, np.random.default_rng(7))
    assert high - sample.mean() > sample.mean() - low > 0
    assert bca(np.full(5, 2.0), 0.95, np.random.default_rng(8)) == (2.0, 2.0)


def test_pairs_count_as_one() -> None:
    """Two halves that err in opposite directions leave no variance."""
    found = estimate([1.0, 3.0, 0.5, 3.5, 2.0, 2.0], intervals=Intervals(pairs=True))
    assert (found.mean, found.low, found.high) == (2.0, 2.0, 2.0)
    assert estimate([1.0, 3.0], intervals=Intervals(pairs=True)).low is None
