"""The mirror of a random stream: every draw by the other end of its distribution, where U was used 1 − U is.

A pair of replications, one drawn and one mirrored, errs in opposite directions, so that the mean of the two varies less. Each draw keeps
its exact distribution: x becomes F⁻¹(1 − F(x)), which for a normal is −x and for an exponential −ln(1 − e⁻ˣ). Mirrored are uniform,
normal, exponential and Poisson draws and choices by share: arrivals, sizes, durations, lead times, provisioning delays, calibration
errors. What has no inverse here (whole numbers, shuffles) is drawn as in the other half of the pair.
"""

from typing import Any

import numpy as np


class Mirrored(np.random.Generator):
    """A generator whose draws mirror those of ``np.random.Generator(bits)``. `spare` settles where inside a whole number's share U lay."""

    def __init__(self, bits: np.random.BitGenerator, spare: np.random.Generator) -> None:
        super().__init__(bits)
        self._spare = spare

    def random(self, *args: Any, **kwargs: Any) -> Any:
        """In [0, 1) like its mirror image: the largest float under 1 stands for 1 − 0."""
        return np.minimum(1.0 - super().random(*args, **kwargs), np.nextafter(1.0, 0.0))

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        return low + (np.asarray(high) - low) * self.random(size)

    def standard_normal(self, *args: Any, **kwargs: Any) -> Any:
        return -super().standard_normal(*args, **kwargs)

    def standard_exponential(self, *args: Any, **kwargs: Any) -> Any:
        return -np.log(-np.expm1(-super().standard_exponential(*args, **kwargs)))

    def exponential(self, scale: Any = 1.0, size: Any = None) -> Any:
        return np.asarray(scale) * self.standard_exponential(size)

    def poisson(self, lam: Any = 1.0, size: Any = None) -> Any:
        from scipy import stats  # here: half a second, and few scenarios mirror anything

        drawn = super().poisson(lam, size)
        share = stats.poisson.cdf(drawn - 1, lam) + self._spare.random(size) * stats.poisson.pmf(drawn, lam)
        mirrored = stats.poisson.ppf(1.0 - np.minimum(share, np.nextafter(1.0, 0.0)), lam)
        return np.maximum(mirrored, 0).astype(np.int64)[()]

    def choice(self, a: Any, size: Any = None, replace: bool = True, p: Any = None) -> Any:  # type: ignore[override]
        """By share, with replacement; anything else as the other half of the pair draws it."""
        if p is None or not replace:
            return super().choice(a, size, replace, p)
        at = np.searchsorted(np.cumsum(p) / np.sum(p), self.random(size), side="right")
        return (np.arange(a) if np.ndim(a) == 0 else np.asarray(a))[at]
