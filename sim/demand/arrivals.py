"""When work arrives: at known times, or in Poisson streams whose rate follows a weekly profile and grows, drawn by thinning.

Candidates come at the highest rate of the horizon and stay with the probability rate(t)/highest (Lewis & Shedler, 1979). Time 0 is a
Monday, 00:00. Profiles average 1 over a week, so that `rate` stays the mean that the planner wrote.
"""

from collections.abc import Callable

import numpy as np

from sim.demand.table import Floats
from sim.scenario.errors import InputError
from sim.scenario.units import HOUR, format_duration
from sim.scenario.workloads import Arrivals

MOST_ARRIVALS = 50_000_000
HOURS_A_WEEK = 168


def _flat() -> Floats:
    return np.ones(HOURS_A_WEEK)


def _office_hours() -> Floats:
    """Nine to six on weekdays at full rate, a tenth of it in the evenings, a twentieth at night and on weekends."""
    hour, day = np.arange(HOURS_A_WEEK) % 24, np.arange(HOURS_A_WEEK) // 24
    weekday = day < 5
    return np.where(weekday & (hour >= 9) & (hour < 18), 1.0, np.where(weekday & (hour >= 18) & (hour < 23), 0.1, 0.05))


def _diurnal() -> Floats:
    """A daily wave between 0.4 and 1.6 of the mean, highest at 15:00, every day of the week."""
    return 1 + 0.6 * np.cos(2 * np.pi * (np.arange(HOURS_A_WEEK) + 0.5 - 15) / 24)


PROFILES: dict[str, Callable[[], Floats]] = {"flat": _flat, "office-hours": _office_hours, "diurnal": _diurnal}


def weekly_profile(name: str) -> Floats:
    """Relative rate in each hour of the week, of mean 1."""
    weights = PROFILES[name]()
    return np.asarray(weights / weights.mean(), np.float64)


def draw_arrivals(arrivals: Arrivals, horizon_s: float, rng: np.random.Generator) -> Floats:
    """Sorted arrival times in [0, horizon), one a job; jobs of a batch share theirs. InputError where they would be too many, or a known
    one is later."""
    if arrivals.rate is None:
        return np.repeat(_known(arrivals, horizon_s), arrivals.batch)
    profile = weekly_profile(arrivals.profile)
    growth = max(arrivals.growth * horizon_s, 0.0)
    highest = arrivals.rate / arrivals.batch * float(profile.max()) * float(np.exp(growth))
    if not highest * horizon_s * arrivals.batch <= MOST_ARRIVALS:
        raise InputError.of(
            f"a rate of {arrivals.rate * 86400:.3g}/d over {horizon_s / 86400:.3g} d draws over {MOST_ARRIVALS:,} arrivals; "
            "lower the rate, the growth or the horizon"
        )
    candidates = np.sort(rng.uniform(0.0, horizon_s, rng.poisson(highest * horizon_s)))
    hour = (candidates // HOUR).astype(np.int64) % HOURS_A_WEEK
    share = profile[hour] / profile.max() * np.exp(arrivals.growth * candidates - growth)
    kept = candidates[rng.uniform(size=len(candidates)) < share]
    return np.repeat(kept, arrivals.batch)


def _known(arrivals: Arrivals, horizon_s: float) -> Floats:
    if late := [at for at in arrivals.at if at >= horizon_s]:
        raise InputError.of(
            f"found {format_duration(late[0])}, and the horizon ends at {format_duration(horizon_s)}; an earlier time would do",
            key="arrivals.at",
        )
    return np.sort(np.array(arrivals.at, np.float64))
