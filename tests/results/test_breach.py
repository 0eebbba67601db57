"""Breach dates: the day from which a target is missed for good, in one replication and over many."""

import math
from pathlib import Path

import numpy as np
import pytest

from sim.results.breach import breach_date, breaches
from sim.scenario.loading import open_document, validate
from sim.study.run import run_plan

DAY = 86400.0
ARRIVAL = np.arange(0.0, 100 * DAY, DAY / 10)


def date_of(wait: np.ndarray, statistic: str = "mean") -> float:
    return breach_date(ARRIVAL, wait, statistic, 3600.0, 7 * DAY, 100 * DAY) / DAY


def test_a_wait_that_passes_its_limit_breaks_on_that_day() -> None:
    """One that grows by a minute a day passes a mean of an hour over the week before on day 63.5, which the next look knows."""
    assert date_of(60 * ARRIVAL / DAY) == pytest.approx(64, abs=0.6)
    assert date_of(60 * ARRIVAL / DAY, "max") == pytest.approx(61, abs=0.6)


def test_what_recovers_or_fails_in_the_last_week_only_has_not_broken_for_good() -> None:
    """A bad month in the middle, a bad last week, never, and always."""
    day = ARRIVAL / DAY
    assert math.isnan(date_of(np.where((day > 30) & (day < 60), 7200.0, 0.0)))
    assert math.isnan(date_of(np.where(day > 95, 7200.0, 0.0)))
    assert math.isnan(date_of(np.zeros(len(day))))
    assert date_of(np.full(len(day), 7200.0)) == pytest.approx(7, abs=1.01)
    twice = np.where((day > 20) & (day < 30) | (day > 70), 7200.0, 0.0)
    assert 70 < date_of(twice) < 77


def test_weeks_without_jobs_say_nothing() -> None:
    """Work that breaks its target and then pauses has broken it when it did."""
    kept = (ARRIVAL < 40 * DAY) | (ARRIVAL > 80 * DAY)
    wait = np.where(ARRIVAL > 20 * DAY, 7200.0, 0.0)
    date = breach_date(ARRIVAL[kept], wait[kept], "mean", 3600.0, 7 * DAY, 100 * DAY)
    assert 20 < date / DAY < 27
    assert math.isnan(breach_date(np.empty(0), np.empty(0), "p95", 1.0, 7 * DAY, 100 * DAY))


def test_the_distribution_over_replications_counts_those_that_hold(small: Path) -> None:
    """Three of four break: the median is the second date, the late end lies beyond the horizon, Wilson's interval is the textbook's."""
    scenario = validate(open_document(str(small)))
    name = "workload.tunes.breach.p95_s"
    (found,) = breaches(scenario, [{name: 3 * DAY}, {name: math.nan}, {name: 5 * DAY}, {name: 4 * DAY}], 10 * DAY)
    assert (found.workload, found.limit_s, found.window_s) == ("tunes", 3600.0, 2.5 * DAY)
    assert (found.early_s, found.median_s, found.late_s) == (3 * DAY, 4 * DAY, None)
    assert (found.probability, round(found.probability_low, 3), round(found.probability_high, 3)) == (0.75, 0.301, 0.954)


def test_more_growth_breaks_targets_sooner(small: Path) -> None:
    """A queue that holds today breaks under growth, and sooner under more of it; without growth it holds."""
    base = open_document(str(small)).override("horizon", "40 d").override("providers.second", None).override("policy", None)
    base = base.override("workloads.merges.arrivals.rate", "5/d").override("workloads.tunes.arrivals.rate", "30/d")
    base = base.override("workloads.tunes.target.wait", {"mean": "3 h"})
    medians = []
    for growth in ("0%/month", "150%/month", "400%/month"):
        (found,) = run_plan(base.override("workloads.tunes.arrivals.growth", growth)).summary.breaches
        medians.append(found.median_s)
    none, some, much = medians
    assert none is None
    assert some is not None
    assert much is not None
    assert much < some
