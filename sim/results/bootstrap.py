"""Bootstrap intervals of a mean: bias-corrected and accelerated (B. Efron, "Better bootstrap confidence intervals", 1987).

No shape is assumed of the figure, so that skewed ones get a lopsided interval, where Student's t would be symmetric. From few
replications it is too narrow (resamples of five values vary less than samples of five do), which is why t is the default.
"""

import numpy as np

from sim.demand.table import Floats

RESAMPLES = 4000


def bca(sample: Floats, confidence: float, rng: np.random.Generator) -> tuple[float, float]:
    """The interval of the sample's mean."""
    from scipy.special import ndtr, ndtri  # a quarter of a second, for those who ask for a bootstrap

    count, mean = len(sample), float(sample.mean())
    off = sample - mean
    squares = float((off**2).sum())
    if squares == 0:
        return mean, mean
    means = np.sort(sample[rng.integers(0, count, (RESAMPLES, count))].mean(axis=1))
    below = (np.count_nonzero(means < mean) + 0.5 * np.count_nonzero(means == mean)) / RESAMPLES
    bias = float(ndtri(np.clip(below, 1 / RESAMPLES, 1 - 1 / RESAMPLES)))
    # Leaving one out moves the mean by −off/(n − 1): its skewness over 6 is the acceleration.
    acceleration = float((off**3).sum() / (6 * squares**1.5))
    z = bias + ndtri(np.array([0.5 - confidence / 2, 0.5 + confidence / 2]))
    low, high = np.quantile(means, ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)
