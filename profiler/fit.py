"""From measurements to a family's `Fit`: least squares on the logarithm of time, judged on shapes that the fit never saw."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from sim.cost.calibration import Fit, Measurement

Floats = NDArray[np.float64]
HELD_OUT = 0.28
QUANTISING = ("int8-linear",)
"""Families that move their operands once to quantise them, before they multiply."""
LEAST_SHAPES = 5
"""Fewer cannot be both fitted and tested."""
_SMALL = 1e-9
_NO_HALF, _NO_BANDWIDTH = 1e-3, 1e15
"""Where the search in logarithms ends, a parameter that the shapes do not show is absent."""


def split(measurements: Sequence[Measurement]) -> tuple[list[Measurement], list[Measurement]]:
    """Fitted and held-out shapes: a fixed random choice that always leaves the smallest and the largest work to the fit.

    Only shapes choose, never times: equal work is ordered by its sizes.
    """
    ordered = sorted(measurements, key=lambda one: (one.flops or one.bytes, sorted(one.shape.items())))
    inside = np.arange(1, len(ordered) - 1)
    count = max(1, round(HELD_OUT * len(ordered)))
    held = set(np.random.default_rng(7).permutation(inside)[:count].tolist())
    return [one for i, one in enumerate(ordered) if i not in held], [one for i, one in enumerate(ordered) if i in held]


def fit_family(family: str, measurements: Sequence[Measurement]) -> Fit | None:
    """The family's fit with its held-out error; None where too few shapes were measured."""
    if len(measurements) < LEAST_SHAPES:
        return None
    fitted, held_out = split(measurements)
    shape = _matmul_fit(family, fitted) if "k" in fitted[0].shape else _bytes_fit(family, fitted)
    errors = np.array([abs(predicted(shape, one) / one.median_s - 1) for one in held_out])
    return shape.model_copy(
        update={
            "error_median": float(np.median(errors)),
            "error_p95": float(np.quantile(errors, 0.95)),
            "fitted_shapes": len(fitted),
            "held_out_shapes": len(held_out),
        }
    )


def predicted(fit: Fit, measurement: Measurement) -> float:
    """Seconds that a fit says of a measured shape."""
    shape = measurement.shape
    if "k" in shape:
        return fit.matmul_seconds(shape["m"], shape["n"], shape["k"], measurement.bytes)
    return fit.bytes_seconds(measurement.bytes)


def _bytes_fit(family: str, measurements: Sequence[Measurement]) -> Fit:
    moved = np.array([one.bytes for one in measurements])
    seconds = np.array([one.median_s for one in measurements])

    def off(parameters: Floats) -> Floats:
        overhead, bandwidth = np.exp(parameters)
        return np.asarray(np.log(overhead + moved / bandwidth) - np.log(seconds))

    start = np.log([seconds.min() * 1e-3 + _SMALL, float(np.median(moved / seconds))])
    overhead, bandwidth = np.exp(least_squares(off, start, loss="soft_l1", f_scale=0.1).x)
    return Fit(family=family, overhead_s=_shown(overhead, _SMALL), bytes_per_s=float(bandwidth), error_median=0.0, error_p95=0.0)


def _matmul_fit(family: str, measurements: Sequence[Measurement]) -> Fit:
    m, n, k = (np.array([float(one.shape[name]) for one in measurements]) for name in ("m", "n", "k"))
    moved = np.array([one.bytes for one in measurements])
    seconds = np.array([one.median_s for one in measurements])
    flops = 2 * m * n * k
    best_rate = float((flops / seconds).max())
    formula: Literal["roofline", "sum"] = "sum" if family in QUANTISING else "roofline"

    def model(parameters: Floats) -> Floats:
        overhead, rate, half_m, half_n, half_k, bandwidth = np.exp(parameters)
        compute = flops / rate * (1 + half_m / m) * (1 + half_n / n) * (1 + half_k / k)
        traffic = moved / bandwidth
        return np.asarray(overhead + (compute + traffic if formula == "sum" else np.maximum(compute, traffic)))

    def off(parameters: Floats) -> Floats:
        return np.asarray(np.log(model(parameters)) - np.log(seconds))

    low = np.log([_SMALL, best_rate * 0.5, _NO_HALF, _NO_HALF, _NO_HALF, 1e8])
    high = np.log([float(seconds.max()), best_rate * 20, 1e4, 1e4, 1e4, _NO_BANDWIDTH])
    found = []
    for half in (1.0, 32.0, 256.0):  # the maximum makes several valleys; the deepest of three is kept
        start = np.log([float(seconds.min()) * 0.1 + _SMALL, best_rate * 1.2, half, half, half, float((moved / seconds).max()) * 2])
        found.append(least_squares(off, np.clip(start, low + 1e-6, high - 1e-6), bounds=(low, high), loss="soft_l1", f_scale=0.1))
    overhead, rate, half_m, half_n, half_k, bandwidth = np.exp(min(found, key=lambda one: float(one.cost)).x)
    return Fit(
        family=family,
        formula=formula,
        overhead_s=_shown(overhead, _SMALL),
        flops_per_s=float(rate),
        half_m=_shown(half_m, _NO_HALF),
        half_n=_shown(half_n, _NO_HALF),
        half_k=_shown(half_k, _NO_HALF),
        bytes_per_s=float(bandwidth) if bandwidth < _NO_BANDWIDTH / 10 else None,
        error_median=0.0,
        error_p95=0.0,
    )


def _shown(value: float, least: float) -> float:
    """A parameter, or 0 where it is no more than the search's lower end."""
    return float(value) if value > 10 * least else 0.0
