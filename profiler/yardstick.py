"""A small product of operands in a CPU's caches: how long it takes tells how fast the cores are just then, whatever memory does."""

from collections.abc import Callable
from functools import cache

import torch

SIZE = 256
FLOPS = 2.0 * SIZE**3
"""A third of a millisecond on two cores, in 0.8 MB."""


@cache
def yardstick() -> Callable[[], object]:
    """The product as a call; the same operands whenever it is asked for."""
    left, right, out = (torch.randn(SIZE, SIZE) for _ in range(3))
    return lambda: torch.mm(left, right, out=out)
