"""Differences and ratios between plans: intervals cover, pairing takes out common noise, and degenerate samples bound nothing."""

import numpy as np
import pytest

from sim.results.difference import difference
from sim.results.statistics import estimate


def test_pairing_takes_out_what_plans_share() -> None:
    """A constant shift under common noise is found exactly."""
    noise = np.random.default_rng(2).normal(0, 100, 8)
    found = difference(estimate((noise + 5).tolist()), estimate(noise.tolist()), paired=True)
    assert found.mean == pytest.approx(5)
    assert found.high - found.low == pytest.approx(0, abs=1e-9)  # type: ignore[operator]


@pytest.mark.parametrize("paired", [True, False])
def test_ratio_and_difference_intervals_cover_95_times_in_a_hundred(paired: bool) -> None:
    """Over 4 000 pairs of samples of unequal spread whose means are 60 and 100: both intervals cover within binomial error (the unpaired
    ones, whose degrees of freedom are Satterthwaite's approximation, within two points)."""
    rng = np.random.default_rng(3)
    hits = np.zeros(2)
    for _ in range(4000):
        shared = rng.normal(0, 12, 8) if paired else 0.0
        plan, base = rng.normal(60, 4, 8) + shared, rng.normal(100, 9, 8) + shared
        found = difference(estimate(plan.tolist()), estimate(base.tolist()), paired=paired)
        assert found.low is not None
        assert found.high is not None
        assert found.relative_low is not None
        assert found.relative_high is not None
        hits += (found.low <= -40 <= found.high, found.relative_low <= -0.4 <= found.relative_high)
    allowed = 4 * np.sqrt(0.95 * 0.05 / 4000) if paired else 0.02
    assert np.all(np.abs(hits / 4000 - 0.95) < allowed), hits / 4000


def test_a_paired_ratio_shows_a_change_exactly_when_the_difference_does() -> None:
    """Fieller's set and the paired t-test are the same test of "no change"."""
    rng = np.random.default_rng(4)
    shown = 0
    for _ in range(300):
        base = rng.normal(50, 5, 6)
        found = difference(estimate((base + rng.normal(1.5, 2, 6)).tolist()), estimate(base.tolist()), paired=True)
        assert found.relative_low is not None
        assert found.relative_high is not None
        assert found.shown == (not found.relative_low <= 0 <= found.relative_high)
        shown += found.shown
    assert 50 < shown < 250


def test_unpaired_samples_may_differ_in_length() -> None:
    """Welch's textbook interval of two samples of 3 and 4."""
    found = difference(estimate([10.0, 12.0, 14.0]), estimate([1.0, 2.0, 3.0, 4.0]), paired=False)
    assert (found.mean, found.values, found.paired) == (9.5, (), False)
    # s²/n are 4/3 and (5/3)/4; Satterthwaite's degrees of freedom are 3.2347, t 3.0557, the standard error 1.3229
    assert found.high == pytest.approx(9.5 + 3.0557 * 1.32288, abs=1e-3)


@pytest.mark.parametrize("paired", [True, False])
def test_no_figure_that_cannot_be_negative_falls_by_more_than_all_of_it(paired: bool) -> None:
    """Three noisy waits: the t-interval of their ratio alone would reach below nothing. What may be negative is left as it is."""
    plan, base = [0.0, 3.0, 0.1], [30.0, 25.0, 40.0]
    found = difference(estimate(plan), estimate(base), paired=paired)
    assert found.relative_low == -1.0
    assert found.relative is not None
    assert found.relative_high is not None
    assert -1.0 < found.relative < found.relative_high
    signed = difference(estimate([-0.1, 3.0, 0.1]), estimate(base), paired=paired)
    assert signed.relative_low is not None
    assert signed.relative_low < -1.0


def test_what_cannot_be_bounded_is_left_open() -> None:
    """A base of zero has no ratio, a base that may be zero has no interval, a single run has neither interval."""
    zero = difference(estimate([1.0, 2.0, 3.0]), estimate([0.0, 0.0, 0.0]), paired=True)
    assert (zero.relative, zero.relative_low) == (None, None)
    noisy = difference(estimate([1.0, 2.0, 3.0]), estimate([-5.0, 9.0, 0.5]), paired=True)
    assert noisy.relative is not None
    assert noisy.relative_low is None
    single = difference(estimate([3.0]), estimate([2.0]), paired=True)
    assert (single.mean, single.relative, single.low, single.relative_low) == (1.0, 0.5, None, None)
    nothing = difference(estimate([None, None]), estimate([1.0, 2.0]), paired=True)
    assert nothing.mean is None
