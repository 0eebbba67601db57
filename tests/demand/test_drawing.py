"""Drawn demand: rates, profiles and distributions are what was written, and streams are their own."""

import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from sim.demand.arrivals import PROFILES, draw_arrivals, weekly_profile
from sim.demand.sampling import draw, draw_mix
from sim.demand.streams import stream
from sim.scenario.distributions import Distribution, Mix, lognormal
from sim.scenario.errors import InputError
from sim.scenario.units import DAY, HOUR, WEEK
from sim.scenario.workloads import Arrivals


def arrivals(**words: object) -> Arrivals:
    return Arrivals.model_validate({"rate": "200/d"} | words)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_rate_written_is_the_mean_rate(profile: str) -> None:
    """Profiles average 1 over a week; a Poisson count stays within 5 standard deviations."""
    times = draw_arrivals(arrivals(profile=profile), 20 * WEEK, stream(1, 0, profile))
    expected = 200 * 140
    assert abs(len(times) - expected) < 5 * np.sqrt(expected)
    assert (np.diff(times) >= 0).all()
    assert weekly_profile(profile).mean() == pytest.approx(1.0)


def test_office_hours_are_on_weekdays() -> None:
    """Most work comes on weekdays between nine and six: the share the profile says."""
    times = draw_arrivals(arrivals(profile="office-hours"), 30 * WEEK, stream(1, 0, "o"))
    day, hour = (times // DAY) % 7, (times % DAY) // HOUR
    inside = ((day < 5) & (hour >= 9) & (hour < 18)).mean()
    weights = weekly_profile("office-hours").reshape(7, 24)
    assert inside == pytest.approx(weights[:5, 9:18].sum() / weights.sum(), abs=0.01)


def test_growth_compounds() -> None:
    """10 % a month: the last month of a year has 1.1^11 times the first's jobs."""
    times = draw_arrivals(arrivals(growth="10%/month"), 360 * DAY, stream(2, 0, "g"))
    counts = np.bincount((times // (30 * DAY)).astype(int), minlength=12)
    assert counts[-1] / counts[0] == pytest.approx(1.1**11, rel=0.08)


def test_batches_arrive_together_at_the_same_rate() -> None:
    """`rate` counts jobs, whatever the batch."""
    times = draw_arrivals(arrivals(batch=4), 20 * WEEK, stream(1, 0, "b"))
    assert len(times) % 4 == 0
    assert (times.reshape(-1, 4) == times[::4, None]).all()
    assert abs(len(times) - 28_000) < 5 * np.sqrt(4 * 28_000)


def test_jobs_at_known_times_come_then_and_in_no_other_replication_otherwise() -> None:
    known = Arrivals.model_validate({"at": ["20 d", "3 d"], "batch": 2})
    for replication in range(2):
        assert draw_arrivals(known, 30 * DAY, stream(1, replication, "k")).tolist() == [3 * DAY, 3 * DAY, 20 * DAY, 20 * DAY]
    assert draw_arrivals(Arrivals.model_validate({"at": "0 d"}), DAY, stream(1, 0, "k")).tolist() == [0.0]
    with pytest.raises(InputError, match="found 20 d, and the horizon ends at 20 d"):
        draw_arrivals(known, 20 * DAY, stream(1, 0, "k"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({}, "neither rate nor at"),
        ({"rate": "1/d", "at": "2 d"}, "both rate and at"),
        ({"at": []}, "neither rate nor at"),
        ({"at": "2 d", "growth": "10%/month"}, "these shape a rate"),
        ({"at": "2 d", "profile": "diurnal"}, "these shape a rate"),
        ({"at": 20}, "has no unit"),
    ],
)
def test_arrivals_have_a_rate_or_known_times(words: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Arrivals.model_validate(words)


@pytest.mark.parametrize(("median", "p95"), [(42.0, 63.0), (10.0, 60.0)])
def test_what_a_lead_time_leaves_is_the_mean_of_those_not_over(median: float, p95: float) -> None:
    """Against draws, before, at and well after the median; far out it stays finite and grows."""
    lead = lognormal(median, p95)
    drawn = draw(lead, 2_000_000, stream(1, 0, "leads"))
    for elapsed in (0.0, 0.5 * median, median, 1.3 * p95):
        left = drawn[drawn > elapsed] - elapsed
        assert lead.remaining(elapsed) == pytest.approx(left.mean(), abs=6 * left.std() / len(left) ** 0.5)
    far = [lead.remaining(times * median) for times in (20, 200, 1e4, 1e9)]
    assert far == sorted(far)
    assert 0 < far[0] < 20 * median
    assert Distribution("exponential", 5.0).remaining(100.0) == 5.0
    assert [Distribution("constant", 5.0).remaining(at) for at in (0.0, 3.0, 9.0)] == [5.0, 2.0, 0.0]


def test_too_many_arrivals_are_refused() -> None:
    """A typing error must not fill the memory."""
    with pytest.raises(InputError, match="lower the rate"):
        draw_arrivals(arrivals(growth="900%/d"), 90 * DAY, stream(1, 0, "x"))


def test_distributions_have_their_quantiles() -> None:
    """Median and p95 of the lognormal, mean of the exponential, shares of a mix."""
    rng = stream(3, 0, "d")
    values = draw(Distribution("lognormal", 60.0, 0.8), 200_000, rng)
    assert np.median(values) == pytest.approx(60, rel=0.01)
    assert np.quantile(values, 0.95) == pytest.approx(60 * np.exp(0.8 * 1.6449), rel=0.02)
    assert draw(Distribution("exponential", 9.0), 200_000, rng).mean() == pytest.approx(9, rel=0.02)
    mixed = draw_mix(Mix((8, 16), (0.7, 0.3)), 100_000, rng)
    assert (mixed == 8).mean() == pytest.approx(0.7, abs=0.01)


def test_streams_are_the_same_in_every_process_and_differ_by_name() -> None:
    """(seed, replication, name) fixes a stream, on any machine."""
    code = "from sim.demand.streams import stream; print(stream(7, 2, 'a', 'b').integers(10**9, size=3).tolist())"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert there == str(stream(7, 2, "a", "b").integers(10**9, size=3).tolist())
    others = [stream(7, 2, "a", "c"), stream(7, 3, "a", "b"), stream(8, 2, "a", "b"), stream(7, 2, "ab")]
    assert len({str(one.integers(10**9, size=3).tolist()) for one in others} | {there}) == 5
