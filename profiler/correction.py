"""The smooth part that a formula leaves: kernel ridge regression on the logarithms of residuals.

Kept only where it predicts better, and only as much of it as leaves time monotone.
A library's kernels change with the shape (tiles, edges, caches), which no short formula knows. Shapes near each other use the same
kernels, so their residuals are alike; each residual's leave-one-out prediction has a closed form (Rasmussen & Williams, Gaussian
Processes, 5.4.2).
"""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from sim.cost.calibration import Measurement
from sim.cost.fit import Correction, Fit, masked_too, overlapped

Floats = NDArray[np.float64]
LENGTHS = (0.35, 0.7, 1.5, 3.0)
"""Distances in ln size over which residuals are alike, tried in turn: factors of 1.4, 2, 4.5 and 20."""
RIDGES = (0.1, 0.3, 1.0)
"""Noise over signal, tried in turn: at 1, half of an isolated residual is believed."""
MOST = 0.7
"""Residuals beyond this are an interrupted measurement, not a kernel's habit."""
PARTS = (1.0, 0.7, 0.4, 0.2)
LEAST_SHARE = 0.05
GRID = 13
MEASURED = (("m", "n", "k"), ("heads", "sequence", "head"), ("bytes",))
"""Sizes from which `_flops` and `_measure` tell what an operation computes and moves; of others nobody knows whether time is monotone."""


def fit_correction(
    fit: Fit, sizes: Sequence[Mapping[str, float]], residuals: Floats, shares: Floats, measurements: Sequence[Measurement]
) -> Correction | None:
    """The correction of `fit` by its residuals (ln measured/predicted); None where it would not predict better.

    `shares` are the parts of the predicted seconds that are not overhead, which alone is corrected. Of the correction, the largest
    part that keeps time monotone in every size is taken.
    """
    names = tuple(sizes[0])
    if names not in MEASURED:
        return None
    sites = np.log([[one[name] for name in names] for one in sizes])
    shares = np.maximum(shares, LEAST_SHARE)
    wanted = np.clip(residuals, -MOST, MOST) / shares
    found = [(length, *_smoothed(sites, wanted, ridge / shares**2, length)) for length, ridge in product(LENGTHS, RIDGES)]
    length, weights, unseen = min(found, key=lambda one: float(np.abs(one[2] * shares).mean()))
    if np.abs(unseen * shares).mean() >= np.abs(wanted * shares).mean():
        return None
    each = _by_sizes(names, measurements)
    for part in PARTS:
        correction = Correction(
            names=names, length=length, sites=tuple(map(tuple, sites.tolist())), weights=tuple((part * weights).tolist())
        )
        if _monotone(fit, correction, sites, each):
            return correction
    return None


def _smoothed(sites: Floats, wanted: Floats, noise: Floats, length: float) -> tuple[Floats, Floats]:
    """Kernel weights, and what each site would have left had it not been seen."""
    inverse = np.linalg.inv(_kernel(sites, sites, length) + np.diag(noise))
    weights = inverse @ wanted
    return weights, weights / np.diag(inverse)


def _kernel(one: Floats, other: Floats, length: float) -> Floats:
    squares = ((one[:, None] - other[None]) ** 2).sum(axis=-1)
    return np.asarray(np.exp(-0.5 * squares / length**2))


def _by_sizes(names: tuple[str, ...], measurements: Sequence[Measurement]) -> tuple[float, float]:
    """Operations and bytes over the sizes' own measures of them (`_flops`, `_measure`), on average."""
    sizes = np.array([[float(one.shape.get(name, one.bytes)) for name in names] for one in measurements])
    flops = np.array([one.flops for one in measurements]) / np.maximum(_flops(names, sizes), 1.0)
    return float(np.mean(flops)), float(np.mean([one.bytes for one in measurements] / _measure(names, sizes)))


def _measure(names: tuple[str, ...], sizes: Floats) -> Floats:
    """Elements of a product's operands and result, of an attention's heads, or the bytes themselves."""
    if names == ("m", "n", "k"):
        m, n, k = sizes.T
        return np.asarray(m * k + k * n + m * n)
    return np.asarray(np.prod(sizes, axis=1))


def _monotone(fit: Fit, correction: Correction, sites: Floats, each: tuple[float, float]) -> bool:
    """Whether more work never takes less time: along every size through every shape, to a factor of four beyond those measured."""
    names = correction.names
    low, high = sites.min(axis=0) - np.log(4), sites.max(axis=0) + np.log(4)
    for axis in range(len(names)):
        line = np.linspace(low[axis], high[axis], GRID)
        points = np.repeat(sites[:, None, :], GRID, axis=1)
        points[:, :, axis] = line
        flat = points.reshape(-1, len(names))
        factor = _kernel(flat, sites, correction.length) @ np.array(correction.weights)
        seconds = (fit.overhead_s + _work(fit, names, np.exp(flat), each) * np.exp(factor)).reshape(len(sites), GRID)
        if (np.diff(seconds, axis=1) < 0).any():
            return False
    return True


def _work(fit: Fit, names: tuple[str, ...], sizes: Floats, each: tuple[float, float]) -> Floats:
    """`Fit.seconds` without overhead and correction, for many sizes at once."""
    flops_each, bytes_each = each
    flops = flops_each * _flops(names, sizes)
    compute = flops / fit.flops_per_s if fit.flops_per_s else np.zeros(len(sizes))
    for name, half in fit.half.items():
        compute = compute * (1 + half / sizes[:, names.index(name)])
    if fit.tile is not None:
        compute = compute * masked_too(np.array(fit.tile), sizes[:, names.index("sequence")])
    traffic = bytes_each * _measure(names, sizes) / fit.bytes_per_s if fit.bytes_per_s else np.zeros(len(sizes))
    return np.asarray(compute + traffic if fit.formula == "sum" else overlapped(compute, traffic))


def _flops(names: tuple[str, ...], sizes: Floats) -> Floats:
    """What a product's arithmetic grows with, or that of attention; none for bytes alone."""
    if names == ("m", "n", "k"):
        return np.asarray(np.prod(sizes, axis=1))
    if names == ("heads", "sequence", "head"):
        return np.asarray(sizes[:, 0] * sizes[:, 1] ** 2 * sizes[:, 2])
    return np.zeros(len(sizes))
