"""Spherical interpolation of two models, tensor by tensor (Shoemake, SIGGRAPH 1985): along the great circle between their directions.

Once the angle is known the merge is a weighted sum. Two models whose directions nearly agree are averaged along the chord.
"""

import math

import torch

from profiler.compiling import can_compile, fused
from profiler.merging.elements import Elements

CHORD = 1e-3
"""Radians (and as near to opposite) below which the sines' ratio says less than rounding."""
PIECE = {"cpu": 1 << 18, "cuda": 1 << 26}
"""Elements whose products are summed at a time, in fp32 within and float64 between: they stay in a CPU's cache once widened, and give a
GPU enough to do."""


def slerp_weights(elements: Elements, count: int, weights: tuple[float, ...], device: str) -> tuple[float, float]:
    """What the two models, read on a `device` of this type, are multiplied by; `weights` need not add up to 1."""
    left, right, both = (products if device == "cpu" else products_at_once)(elements, count, device)
    share = weights[1] / sum(weights)
    norms = math.sqrt(left * right)
    angle = math.acos(max(-1.0, min(1.0, both / norms))) if norms > 0 else 0.0
    if angle < CHORD or math.pi - angle < CHORD:
        return 1 - share, share
    return math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)


def products(elements: Elements, count: int, device: str) -> tuple[float, float, float]:
    """Of two models of `count` elements, each with itself and both with each other, as a CPU's library does them best."""
    step = PIECE[device]
    left = right = both = 0.0
    for start in range(0, count, step):
        a, b = (elements.piece(model, start, min(start + step, count)).float() for model in range(2))
        left, right, both = left + a.dot(a).item(), right + b.dot(b).item(), both + a.dot(b).item()
    return left, right, both


def products_at_once(elements: Elements, count: int, device: str) -> tuple[float, float, float]:
    """The same as a GPU does them: in one kernel that reads both and writes neither in fp32, waited for once."""
    step, summed = PIECE[device], fused(_products) if can_compile(device) else _products
    pieces = [(start, min(start + step, count)) for start in range(0, count, step)]
    sums = [summed(*(elements.piece(model, *piece) for model in range(2))).double() for piece in pieces]
    left, right, both = torch.stack(sums).sum(dim=0).tolist()
    return left, right, both


def _products(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    a, b = a.float(), b.float()
    return torch.stack(((a * a).sum(), (b * b).sum(), (a * b).sum()))
