"""Dense products by dtype: the arithmetic that training and inference are made of.

Results go into memory taken beforehand: a large one that the system maps and clears afresh on every call would cost a CPU several times the
product itself (measured: 26 ms for 4 in int8, 4080×3488×80).
"""

from pathlib import Path
from typing import Protocol

import torch

from profiler.probes import Shape, Work, filled_space

MOST_FLOPS = {"cpu": 2.5e10, "cuda": 5e12}
"""Per call: about a fifth of a second on a small CPU, a few milliseconds on a large GPU."""


def product_shapes(device: torch.device, *, quick: bool) -> list[Shape]:
    """(m, n, k) from a few dozen rows to thousands; multiples of 16 suit every dtype's kernels."""
    high = 8192 if device.type == "cpu" else 16384
    points = filled_space(72 if quick else 200, 32, high, 16)
    kept = [point for point in points if 2.0 * point[0] * point[1] * point[2] <= MOST_FLOPS[device.type]]
    return [{"m": m, "n": n, "k": k} for m, n, k in kept[: 20 if quick else 60]]


class Product(Protocol):
    """left · right into `out`."""

    def __call__(self, left: torch.Tensor, right: torch.Tensor, /, *, out: torch.Tensor) -> torch.Tensor: ...


class Matmul:
    """(m×k)·(k×n) in one dtype, the second operand stored as its transpose, as a linear layer's weight is."""

    anchor = False

    def __init__(self, dtype: str, torch_dtype: torch.dtype, product: Product) -> None:
        self.name = self.family = f"matmul-{dtype}"
        self.dtype = dtype
        self.measures = f"dense product in {dtype}"
        self._torch_dtype = torch_dtype
        self._product = product

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        return product_shapes(device, quick=quick)

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        m, n, k = shape["m"], shape["n"], shape["k"]
        left, right = self._random((m, k), device), self._random((n, k), device).t()
        out = torch.empty(m, n, dtype=torch.int32 if self.dtype == "int8" else self._torch_dtype, device=device)
        product, moved = self._product, left.element_size() * (m * k + k * n) + out.element_size() * m * n
        return Work(lambda: product(left, right, out=out), float(moved), 2.0 * m * n * k)

    def _random(self, shape: tuple[int, int], device: torch.device) -> torch.Tensor:
        if self._torch_dtype == torch.int8:
            return torch.randint(-127, 128, shape, dtype=torch.int8, device=device)
        return torch.randn(shape, dtype=torch.float32, device=device).to(self._torch_dtype)


PROBES = (
    Matmul("fp32", torch.float32, torch.mm),
    Matmul("bf16", torch.bfloat16, torch.mm),
    Matmul("int8", torch.int8, torch._int_mm),
)
