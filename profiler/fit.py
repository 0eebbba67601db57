"""From measurements to a family's `Fit`: a physical formula, a smooth correction where that helps, an honest error.

Parameters are found by least squares on the logarithm of time. The error is cross-validated: every shape but the smallest and the
largest is predicted once by a fit that never saw it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from profiler.correction import fit_correction
from sim.cost.calibration import Measurement
from sim.cost.fit import Fit, masked_too, overlapped

Floats = NDArray[np.float64]
FOLDS = 5
HELPS = 0.95
"""A correction that does not take this off the errors of shapes it never saw has learned noise."""
MOST_STEPS = 100
"""Of a search: what goes on after them wanders along a flat valley, where shapes tell little (measured: no error changed by 0.1 %)."""
HOLD = 1e-3
"""Of a logarithm's distance from where its search set out, counted as an error. A parameter that the shapes do not show would else end
wherever rounding takes it: in another place on a CPU whose library adds in another order (measured: a held-out median off by 6 %)."""
LEAST_SHAPES = 5
"""Fewer cannot be both fitted and tested."""
ATTENTION = ("heads", "sequence", "head")
HALVES = (("m", "n", "k"), ATTENTION, ("hidden", "tokens"), ("hidden", "batch", "context"))
"""Sizes whose smallness slows an operation: a product's, attention's, a prefill's and a decode's."""
TILES = (64.0, 512.0)
"""Keys that a kernel of causal attention may compute at a time: a GPU's and a CPU's, to set out from."""
LEAST_TILE, MOST_TILE = 16.0, 1024.0
_SMALL = 1e-9
_NO_HALF, _NO_BANDWIDTH = 1e-3, 1e15
"""Where the search in logarithms ends, a parameter that the shapes do not show is absent."""


def sizes_of(measurement: Measurement) -> dict[str, float]:
    """What a fit may know of a shape: the sizes of a product or of attention, else the bytes alone."""
    sizes = dict(measurement.shape)
    if {"batch", "sequence"} <= sizes.keys():
        sizes["tokens"] = sizes["batch"] * sizes["sequence"]  # rows of a prefill's products, whichever prompts they are of
    for names in HALVES:
        if set(names) <= sizes.keys():
            return {name: float(sizes[name]) for name in names}
    return {"bytes": measurement.bytes}


def predicted(fit: Fit, measurement: Measurement) -> float:
    """Seconds that a fit says of a measured shape."""
    return fit.seconds(measurement.flops if fit.flops_per_s else 0.0, measurement.bytes, sizes_of(measurement))


def fit_families(measurements: Sequence[Measurement]) -> tuple[dict[str, Fit], list[float]]:
    """A fit for each family that enough shapes were measured of, and the absolute relative errors of all the shapes that were held out."""
    fits: dict[str, Fit] = {}
    errors: list[float] = []
    for family in dict.fromkeys(one.family for one in measurements):
        own = [one for one in measurements if one.family == family]
        if len(own) >= LEAST_SHAPES:
            fits[family], of_family = fit_family(family, own)
            errors += of_family
    return fits, errors


def fit_family(family: str, measurements: Sequence[Measurement]) -> tuple[Fit, list[float]]:
    """The family's fit from LEAST_SHAPES measurements or more, with the cross-validated errors that it carries the quantiles of."""
    ordered = in_order(measurements)
    start = _formula(family, ordered, None)
    plain: list[float] = []
    corrected: list[float] = []
    for held_out in folds(len(ordered)):
        rest = [one for index, one in enumerate(ordered) if index not in held_out]
        fit = _formula(family, rest, start)
        plain += _errors(fit, ordered, held_out)
        corrected += _errors(_corrected(fit, rest), ordered, held_out)
    helps = np.mean(corrected) < HELPS * np.mean(plain)
    errors = corrected if helps else plain
    found = {
        "error_median": float(np.median(errors)),
        "error_p95": float(np.quantile(errors, 0.95)),
        "fitted_shapes": len(ordered),
        "held_out_shapes": len(errors),
    }
    return (_corrected(start, ordered) if helps else start).model_copy(update=found), errors


def _errors(fit: Fit, measurements: Sequence[Measurement], held_out: Sequence[int]) -> list[float]:
    """Absolute relative errors of those held out."""
    return [abs(predicted(fit, measurements[index]) / measurements[index].median_s - 1) for index in held_out]


def in_order(measurements: Sequence[Measurement]) -> list[Measurement]:
    """By work, then by sizes: shapes alone decide, never times."""
    return sorted(measurements, key=lambda one: (one.flops or one.bytes, sorted(one.shape.items())))


def folds(count: int) -> list[list[int]]:
    """Indices held out together: a fixed random choice among all but the first and the last, which always stay in the fit."""
    mixed = np.random.default_rng(7).permutation(np.arange(1, count - 1)).tolist()
    return [part for number in range(FOLDS) if (part := sorted(mixed[number::FOLDS]))]


def _corrected(fit: Fit, measurements: Sequence[Measurement]) -> Fit:
    """The fit with a smooth correction, where that helps."""
    sizes = [sizes_of(one) for one in measurements]
    seconds = np.array([predicted(fit, one) for one in measurements])
    residuals = np.log([one.median_s for one in measurements]) - np.log(seconds)
    return fit.model_copy(update={"correction": fit_correction(fit, sizes, residuals, 1 - fit.overhead_s / seconds, measurements)})


@dataclass(frozen=True)
class _Data:
    """Measurements as columns; `sizes` has shape (names, shapes)."""

    flops: Floats
    bytes: Floats
    seconds: Floats
    names: tuple[str, ...]
    sizes: Floats

    @classmethod
    def of(cls, measurements: Sequence[Measurement]) -> "_Data":
        sizes = [sizes_of(one) for one in measurements]
        names = tuple(name for name in sizes[0] if name != "bytes")
        columns = ([one.flops if names else 0.0 for one in measurements], [one.bytes for one in measurements])
        rows = np.array([[one[name] for one in sizes] for name in names]).reshape(len(names), len(sizes))
        return cls(np.array(columns[0]), np.array(columns[1]), np.array([one.median_s for one in measurements]), names, rows)

    @property
    def sequence(self) -> Floats | None:
        """Of causal attention, whose kernels compute in tiles of keys; None for anything else."""
        return self.sizes[self.names.index("sequence")] if self.names == ATTENTION else None


def _formula(family: str, measurements: Sequence[Measurement], start: Fit | None) -> Fit:
    """The formula that leaves least, ``roofline`` or ``sum``, from several starting points, or that of `start` from its parameters.

    Where parameters are as many as shapes, any will do, and those of `start` would tell what they were fitted to.
    """
    data = _Data.of(measurements)
    if start is not None:
        known = _vector(data, start)
        return _search(family, data, start.formula, [known] if len(measurements) > len(known) else _starts(data))[0]
    formulas: tuple[Literal["roofline", "sum"], ...] = ("roofline", "sum") if data.names else ("sum",)
    return min((_search(family, data, formula, _starts(data)) for formula in formulas), key=lambda found: found[1])[0]


def _starts(data: _Data) -> list[Floats]:
    """The roofline makes several valleys: a few half sizes to set out from."""
    overhead = float(data.seconds.min()) * 0.1 + _SMALL
    bandwidth = max(float((data.bytes / data.seconds).max()) * (2 if data.names else 1), 1e8)
    if not data.names:
        return [np.log([overhead * 1e-2, bandwidth])]
    rate = float((data.flops / data.seconds).max()) * 1.2
    tiles = [[tile] for tile in TILES] if data.sequence is not None else [[]]
    return [np.log([overhead, bandwidth, rate, *[half] * len(data.names), *tile]) for half in (1.0, 32.0, 256.0) for tile in tiles]


def _vector(data: _Data, fit: Fit) -> Floats:
    head = [max(fit.overhead_s, _SMALL), fit.bytes_per_s or _NO_BANDWIDTH]
    rates = [fit.flops_per_s or 1.0, *(max(fit.half.get(name, 0.0), _NO_HALF) for name in data.names)] if data.names else []
    tile = [fit.tile or TILES[0]] if data.sequence is not None else []
    return np.log([*head, *rates, *tile])


def _search(family: str, data: _Data, formula: Literal["roofline", "sum"], starts: Sequence[Floats]) -> tuple[Fit, float]:
    """The best fit of a formula from these starting points (logarithms of its parameters), and what it leaves."""
    best_rate = float((data.flops / data.seconds).max())
    count = len(data.names)
    tiled = data.sequence is not None

    def off(parameters: Floats) -> Floats:
        overhead, bandwidth, *rates = np.exp(parameters)
        traffic = data.bytes / bandwidth
        if not rates:
            return np.asarray(np.log(overhead + traffic) - np.log(data.seconds))
        compute = data.flops / rates[0] * np.prod(1 + np.array(rates[1 : 1 + count])[:, None] / data.sizes, axis=0)
        if data.sequence is not None:
            compute = compute * masked_too(np.array(rates[-1]), data.sequence)
        seconds = overhead + (compute + traffic if formula == "sum" else overlapped(compute, traffic))
        return np.asarray(np.log(seconds) - np.log(data.seconds))

    low = np.log([_SMALL, 1e6, *([best_rate * 0.5, *[_NO_HALF] * count] if count else []), *([LEAST_TILE] if tiled else [])])
    most = [best_rate * 20, *[1e4] * count] if count else []
    high = np.log([float(data.seconds.max()), _NO_BANDWIDTH, *most, *([MOST_TILE] if tiled else [])])

    def found_from(start: Floats) -> Any:
        def held(parameters: Floats) -> Floats:
            return np.append(off(parameters), HOLD * (parameters - start))

        return least_squares(held, start, bounds=(low, high), loss="soft_l1", f_scale=0.05, max_nfev=MOST_STEPS)

    found = [found_from(np.clip(start, low + 1e-6, high - 1e-6)) for start in starts]
    best = min(found, key=lambda one: float(one.cost))
    overhead, bandwidth, *rates = (float(one) for one in np.exp(best.x))
    halves = {name: value for name, value in zip(data.names, rates[1 : 1 + count], strict=True) if value > 10 * _NO_HALF}
    fit = Fit(
        family=family,
        formula=formula,
        overhead_s=overhead if overhead > 10 * _SMALL else 0.0,
        flops_per_s=rates[0] if rates else None,
        half=halves,
        tile=rates[-1] if tiled else None,
        bytes_per_s=bandwidth if bandwidth < _NO_BANDWIDTH / 10 else None,
        error_median=0.0,
        error_p95=0.0,
    )
    return fit, float(best.cost)
