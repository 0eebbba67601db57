"""Intervals cover what they claim, and the five statistics are what they are called."""

import numpy as np
import pytest
from scipy import stats

from sim.results.statistics import describe, estimate, share_interval, t_quantile
from sim.results.summary import join_figures
from sim.results.waits import bounded_slowdown


def test_t_intervals_cover_the_mean_95_times_in_a_hundred() -> None:
    """Coverage over 4 000 samples of 6 normal values: 0.95 within binomial error."""
    rng = np.random.default_rng(1)
    hits = 0
    for row in rng.normal(10, 2, (4000, 6)):
        found = estimate(row.tolist())
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 10 <= found.high
    assert abs(hits / 4000 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 4000)


def test_one_replication_has_no_interval_and_nothing_has_no_mean() -> None:
    """A figure without its interval says so."""
    assert estimate([3.0]).low is None
    assert estimate([float("nan"), None]).mean is None


def test_statistics_and_bounded_slowdown() -> None:
    """Known values."""
    assert describe(np.arange(101.0)) == {"mean": 50.0, "p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert bounded_slowdown(np.array([90.0, 0.0, 5.0]), np.array([10.0, 1.0, 1.0])).tolist() == [10.0, 1.0, 1.0]


@pytest.mark.parametrize("freedom", [1, 2, 7.3, 400, np.inf])
def test_quantiles_of_t_are_those_of_scipy(freedom: float) -> None:
    """To the bit, and for infinitely many degrees of freedom the normal's."""
    assert t_quantile(0.975, freedom) == stats.t.ppf(0.975, freedom)


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (1, 1), (0, 20), (3, 20), (20, 20), (199, 1000)])
def test_share_intervals_are_wilsons(hits: int, of: int) -> None:
    """As SciPy has them; never beyond 0 and 1."""
    theirs = stats.binomtest(hits, of).proportion_ci(0.95, method="wilson")
    assert share_interval(hits, of) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_no_share_is_said_to_be_over_the_whole_and_no_slowdown_under_it() -> None:
    """Two noisy replications: t reaches far, but nothing is used more than all of the time; a break-even may well lie beyond."""
    replications = [
        dict.fromkeys(("goodput", "pool.a.b.utilisation", "workload.w.deadlines.met", "commitment.break_even_utilisation"), value)
        for value in (0.8, 0.95)
    ]
    figures = join_figures(replications)
    assert {name for name, one in figures.items() if one.high == 1.0} == set(figures) - {"commitment.break_even_utilisation"}
    assert join_figures([{"workload.w.slowdown.p95": one} for one in (1.1, 1.9)])["workload.w.slowdown.p95"].low == 1.0
    of_a_name = join_figures([{"workload.slowdown.wait.mean": one, "workload.slowdown.jobs": one} for one in (0.1, 0.2)])
    assert all(one.low is not None and one.low < 0.15 for one in of_a_name.values())
    assert (figures["commitment.break_even_utilisation"].high or 0.0) > 1.0
