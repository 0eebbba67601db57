"""What can be measured: one probe family a file, found by being here. A probe prepares a call and says what it moves and computes."""

import importlib
import math
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch

Shape = dict[str, int]
Compiles = Literal["never", "once", "each"]
"""For how many shapes of its probe a call compiles: none, all of them at once, or each anew."""


@dataclass(frozen=True)
class Work:
    """A call ready to be timed; `bytes` read and written and `flops` in one call.

    `warm_up` calls (one or more) go before it is as fast as it stays, after the first one of all where that compiles. `note` is a doubt
    that the calibration should carry. It is timed `cold`, with no operand in a cache and no launch waited for, unless it is a whole step or
    merge, which finds what the one before left there, or waits for something else than memory. It `settles`, so that after a few calls the
    system gives it no more memory, unless it maps buffers of its own each time, as files are read and written past the page cache.
    """

    call: Callable[[], object]
    bytes: float
    flops: float
    warm_up: int = 1
    note: str | None = None
    compiles: Compiles = "never"
    cold: bool = True
    settles: bool = True


class Probe(Protocol):
    """`family` is the calibration's; an `anchor` is measured but never fitted."""

    name: str
    family: str
    dtype: str
    measures: str
    anchor: bool

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        """Shapes to measure, the same on every call; an anchor's come smallest first."""
        ...

    def counts(self, shape: Shape) -> tuple[float, float]:
        """Bytes read and written, and floating-point operations, in one call of this shape."""
        ...

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:
        """Random inputs of this shape on the device; `folder` is on the storage to be measured."""
        ...


def all_probes() -> dict[str, Probe]:
    """Every probe by name."""
    found: dict[str, Probe] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        for probe in importlib.import_module(f"{__name__}.{module.name}").PROBES:
            found[probe.name] = probe
    return found


def smaller(shape: Shape) -> Shape | None:
    """The shape with its largest size halved, still a multiple of 16 where it was one; None where nothing is left to halve."""
    name = max(shape, key=shape.__getitem__)
    step = 16 if shape[name] % 16 == 0 else 1
    half = shape[name] // 2 // step * step
    return shape | {name: half} if half >= step else None


def random_numbers(size: int | Sequence[int], dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Random numbers of this size, a random block of a million repeated: drawing each afresh would take longer than measuring."""
    count = math.prod(size) if isinstance(size, Sequence) else size
    block = torch.randn(min(count, 1 << 20), device=device).to(dtype)
    numbers = torch.empty(count, dtype=dtype, device=device)
    for start in range(0, count, len(block)):
        part = numbers[start : start + len(block)]
        part.copy_(block[: len(part)])
    return numbers.view(size)


def filled_space(count: int, low: int, high: int, multiple: int, dimensions: int = 3) -> list[tuple[int, ...]]:
    """`count` points that fill [low, high]^dimensions evenly on a logarithmic scale (Halton, fixed seed), rounded to `multiple`."""
    from scipy.stats import qmc  # half a second that a measuring process, told its shapes, need not spend

    points = qmc.Halton(dimensions, seed=20240101).random(count)
    sizes = np.exp(np.log(low) + points * (np.log(high) - np.log(low)))
    return [tuple(max(multiple, round(float(size) / multiple) * multiple) for size in row) for row in sizes]
