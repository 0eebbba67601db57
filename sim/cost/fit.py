"""A family's cost as one small model: what the device must compute and move, how well small sizes use it, and how wrong that is.

seconds = overhead + (compute and traffic) · exp(correction), with compute = flops/rate · Π(1 + half/size) and traffic = bytes/bandwidth.
A kernel of causal attention computes whole tiles of keys, masked or not, which is up to twice the arithmetic counted (`masked_too`).
A plain product overlaps the two (``roofline``: the longer counts; Williams et al., CACM 2009); INT8 mixed precision quantises first and
multiplies then (``sum``). No kernel overlaps perfectly, and a sharp edge makes a fit hang on its last digits: the roofline's is round.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Sizes = Mapping[str, float]
Number = TypeVar("Number", float, NDArray[np.float64])
EDGE = 4
"""Power of the norm that joins compute and traffic: where both are equal, they take a fifth more than one alone."""


def overlapped(compute: Number, traffic: Number) -> Number:
    """Seconds of what runs at once: those of the longer, and more where the other is as long."""
    joined: Number = (compute**EDGE + traffic**EDGE) ** (1 / EDGE)
    return joined


def masked_too(tile: Number, sequence: Number) -> Number:
    """Causal attention's arithmetic in tiles of so many keys, over that of what is not masked: 1 + tile/sequence, twice at most.

    With s the sequence, rows before the tile's end compute all of its keys (s·tile/2 more, of s²/2); a tile longer than the sequence is cut
    to it. The edge is rounded as that of `overlapped` is.
    """
    ratio = tile / sequence
    waste: Number = 1 + ratio / (1 + ratio**EDGE) ** (1 / EDGE)
    return waste


class Part(BaseModel):
    """A piece of the calibration file: nothing unknown, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Correction(Part):
    """What the formula leaves, smoothed over the logarithms of sizes: ln factor = Σ weightᵢ · exp(−|ln size − siteᵢ|² / 2·length²).

    Far from every measured shape it fades, and the formula stands alone.
    """

    names: tuple[str, ...]
    length: Positive
    sites: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]

    def log_factor(self, sizes: Sizes) -> float:
        at = [math.log(sizes[name]) for name in self.names]
        total, narrow = 0.0, -0.5 / self.length**2
        for site, weight in zip(self.sites, self.weights, strict=True):
            total += weight * math.exp(narrow * sum((one - other) ** 2 for one, other in zip(at, site, strict=True)))
        return total


class Fit(Part):
    """`half` holds, by name of a size, that at which it alone halves the rate: M, N, K of a product, heads, sequence and head of attention.
    `tile` is how many keys a kernel of causal attention computes at a time. Seconds go with these powers of those in which the device's
    memory is read and its cores multiply, where a profile saw others slow them (`sim.cost.speeds`): 0 where that had no part in it.

    Errors are absolute relative errors of shapes predicted by fits that never saw them (`held_out_shapes` of them; cross-validation); for a
    datasheet they are the stated uncertainty.
    """

    family: str
    formula: Literal["roofline", "sum"] = "roofline"
    overhead_s: NonNegative = 0.0
    flops_per_s: Positive | None = None
    half: dict[str, NonNegative] = Field(default_factory=dict)
    tile: Positive | None = None
    bytes_per_s: Positive | None = None
    correction: Correction | None = None
    memory_power: NonNegative = 0.0
    cores_power: NonNegative = 0.0
    error_median: NonNegative
    error_p95: NonNegative
    fitted_shapes: int = 0
    held_out_shapes: int = 0

    def seconds(self, flops: float, bytes_moved: float, sizes: Sizes) -> float:
        """Seconds of one operation; `sizes` are those that `half` and the correction know."""
        compute = flops / self.flops_per_s if self.flops_per_s else 0.0
        for name, half in self.half.items() if flops else ():
            compute *= 1 + half / sizes[name]
        if self.tile is not None and flops:
            compute *= masked_too(self.tile, sizes["sequence"])
        traffic = bytes_moved / self.bytes_per_s if self.bytes_per_s else 0.0
        work = compute + traffic if self.formula == "sum" else overlapped(compute, traffic)
        return self.overhead_s + (work * math.exp(self.correction.log_factor(sizes)) if self.correction else work)

    def matmul_seconds(self, m: float, n: float, k: float, bytes_moved: float = 0.0) -> float:
        """Seconds of an (m×k)·(k×n) product."""
        if self.flops_per_s is None:
            raise ValueError(f"family {self.family} has no arithmetic rate")
        return self.seconds(2.0 * m * n * k, bytes_moved, {"m": m, "n": n, "k": k})

    def bytes_seconds(self, bytes_moved: float) -> float:
        """Seconds to move this many bytes."""
        if self.bytes_per_s is None:
            raise ValueError(f"family {self.family} has no bandwidth")
        return self.seconds(0.0, bytes_moved, {"bytes": max(bytes_moved, 1.0)})

    def scaled(self, factor: float) -> Self:
        """A copy that takes `factor` times as long for everything."""
        rates = {
            "overhead_s": self.overhead_s * factor,
            "flops_per_s": self.flops_per_s / factor if self.flops_per_s else None,
            "bytes_per_s": self.bytes_per_s / factor if self.bytes_per_s else None,
        }
        return self.model_copy(update=rates)
