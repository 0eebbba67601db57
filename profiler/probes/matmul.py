"""Dense products by dtype: the arithmetic that training and inference are made of."""

from collections.abc import Callable
from pathlib import Path

import torch

from profiler.probes import Shape, Work, filled_space

MOST_FLOPS = {"cpu": 2.5e10, "cuda": 5e12}
"""Per call: about a fifth of a second on a small CPU, a few milliseconds on a large GPU."""


def product_shapes(device: torch.device, *, quick: bool) -> list[Shape]:
    """(m, n, k) from a few dozen rows to thousands; multiples of 16 suit every dtype's kernels."""
    high = 8192 if device.type == "cpu" else 16384
    points = filled_space(72 if quick else 200, 32, high, 16)
    kept = [point for point in points if 2.0 * point[0] * point[1] * point[2] <= MOST_FLOPS[device.type]]
    return [{"m": m, "n": n, "k": k} for m, n, k in kept[: 24 if quick else 80]]


class Matmul:
    """(m×k)·(k×n) in one dtype, the second operand stored as its transpose, as a linear layer's weight is."""

    anchor = False

    def __init__(self, dtype: str, torch_dtype: torch.dtype, product: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
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
        size, result_size = left.element_size(), 4 if self.dtype == "int8" else left.element_size()
        product = self._product
        return Work(lambda: product(left, right), float(size * (m * k + k * n) + result_size * m * n), 2.0 * m * n * k)

    def _random(self, shape: tuple[int, int], device: torch.device) -> torch.Tensor:
        if self._torch_dtype == torch.int8:
            return torch.randint(-127, 128, shape, dtype=torch.int8, device=device)
        return torch.randn(shape, dtype=torch.float32, device=device).to(self._torch_dtype)


def _int_mm(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch._int_mm(left, right)


PROBES = (
    Matmul("fp32", torch.float32, torch.matmul),
    Matmul("bf16", torch.bfloat16, torch.matmul),
    Matmul("int8", torch.int8, _int_mm),
)
