"""What a device draws: by family of measurements, from the joules that its own counter gave beside the seconds, and by job.

A family's power is the joules of its shapes over their seconds, so that long shapes, in which jobs spend their time, count most. Its spread
is that of the shapes around it, each weighted by its seconds (the unbiased variance of a sample with reliability weights). Parts of a job
that nobody measured draw the power limit, which is an upper bound. All of it is the device alone, idle power included.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.job_seconds import family_seconds, job_seconds
from sim.scenario.one_job import OneJob

LEAST_SHAPES = 2
"""Measured shapes of a family: one alone says nothing of the spread."""
WITHIN_95 = 1.96
"""Standard deviations either side that hold 95 % of a normal sample."""
NEGLIGIBLE = 1e-6
"""A share of a job's time under this is rounding."""


@dataclass(frozen=True)
class FamilyPower:
    """Average watts of a family's `shapes`, and their standard deviation around it."""

    watts: float
    deviation_w: float
    shapes: int


@dataclass(frozen=True)
class Draw:
    """Average watts of a GPU while a job runs on it, with their relative 95 % error; `measured` is the share of the time that rests on
    measured power, the rest being at the power limit."""

    watts: float
    error: float
    measured: float


def family_powers(calibration: Calibration) -> dict[str, FamilyPower]:
    """The power of each family in which joules were measured; the others are absent."""
    by_family: dict[str, list[tuple[float, float]]] = {}
    for one in calibration.measurements:
        if one.energy_j is not None:
            by_family.setdefault(one.family, []).append((one.median_s, one.energy_j))
    return {family: _power(np.array(shapes)) for family, shapes in by_family.items() if len(shapes) >= LEAST_SHAPES}


def _power(shapes: NDArray[np.float64]) -> FamilyPower:
    """From rows of seconds and joules."""
    seconds, joules = shapes.T
    total = seconds.sum()
    watts = joules.sum() / total
    variance = (seconds * (joules / seconds - watts) ** 2).sum() / (total - (seconds**2).sum() / total)
    return FamilyPower(float(watts), math.sqrt(variance), len(shapes))


def job_draw(work: OneJob, calibration: Calibration, node: NodeType) -> Draw | None:
    """What each GPU draws while it runs the job; None where a part of it was not measured and nobody states the power limit.

    A job that does not fit rests on no measurement.
    """
    powers, limit = family_powers(calibration), calibration.device.power_limit_w
    seconds = job_seconds(work, calibration, node) if powers else math.inf
    if math.isinf(seconds):
        return None if limit is None else Draw(limit, 0.0, 0.0)
    return _draw({one: took / seconds for one, took in family_seconds(work, calibration, node).items()}, powers, limit)


def _draw(shares: Mapping[str, float], powers: Mapping[str, FamilyPower], limit: float | None) -> Draw | None:
    known = {family: share for family, share in shares.items() if family in powers}
    measured = sum(known.values())
    if measured > 1 - NEGLIGIBLE:  # all of it, but for rounding
        known, measured = {family: share / measured for family, share in known.items()}, 1.0
    elif limit is None:
        return None
    watts = sum(share * powers[family].watts for family, share in known.items()) + (1 - measured) * (limit or 0.0)
    deviation = math.hypot(*(share * powers[family].deviation_w for family, share in known.items()))
    return Draw(watts, WITHIN_95 * deviation / watts, measured)
