"""Draws from the distributions a planner writes (`sim.scenario.distributions` says what they mean)."""

import numpy as np

from sim.demand.table import Floats, Ints
from sim.scenario.distributions import Distribution, Mix


def draw(distribution: Distribution, count: int, rng: np.random.Generator) -> Floats:
    """`count` independent values, in the distribution's unit."""
    if distribution.shape == "constant":
        return np.full(count, distribution.centre)
    if distribution.shape == "exponential":
        return rng.exponential(distribution.centre, count)
    return distribution.centre * np.exp(distribution.spread * rng.standard_normal(count))


def draw_mix(mix: Mix, count: int, rng: np.random.Generator) -> Ints:
    """`count` choices by their shares."""
    return rng.choice(np.asarray(mix.values, np.int32), size=count, p=mix.shares)
