"""Dense products by dtype: the arithmetic that training and inference are made of.

Results go into memory taken beforehand: a large one that the system maps and clears afresh on every call would cost a CPU several times the
product itself (measured: 26 ms for 4 in int8, 4080×3488×80).
"""

import math
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Protocol

import torch

from profiler.probes import Shape, Work, filled_space, random_numbers
from profiler.products import multiply, multiply_int8, widened_note
from sim.cost.products import PRODUCTS, Product

LEAST_FLOPS, MOST_FLOPS = {"cpu": 5e7, "cuda": 2e9}, {"cpu": 2.5e10, "cuda": 5e12}
"""Per call: from where work begins to outweigh the call itself (a layer 512 wide and 96 tokens; jobs are made of more) to a fifth of a
second on a small CPU, a few milliseconds on a large GPU."""


def product_shapes(device: torch.device, *, quick: bool) -> list[Shape]:
    """(m, n, k) from a few dozen rows to thousands; multiples of 16 suit every dtype's kernels."""
    high = 8192 if device.type == "cpu" else 16384
    points = filled_space(72 if quick else 200, 32, high, 16)
    kept = [point for point in points if LEAST_FLOPS[device.type] <= 2.0 * math.prod(point) <= MOST_FLOPS[device.type]]
    return [{"m": m, "n": n, "k": k} for m, n, k in kept[: 14 if quick else 60]]


LAYOUTS: dict[Product, Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]] = {
    "output": lambda left, right: (left, right.t().contiguous().t()),
    "grad-input": lambda left, right: (left, right),
    "grad-weight": lambda left, right: (left.t().contiguous().t(), right),
}
"""From contiguous (m×k) and (k×n) operands to the same ones as training has them in memory."""


class Multiply(Protocol):
    """left · right into `out`."""

    def __call__(self, left: torch.Tensor, right: torch.Tensor, /, *, out: torch.Tensor) -> torch.Tensor: ...


class Matmul:
    """(m×k)·(k×n) in one dtype, with operands laid out as those of a linear layer's output, or of another of its products."""

    anchor = False

    def __init__(
        self,
        dtype: str,
        torch_dtype: torch.dtype,
        multiply: Multiply,
        written: torch.dtype | None = None,
        needs: Callable[[torch.device], None] = lambda _: None,
        quick: Collection[str] = ("cpu", "cuda"),
        product: Product = "output",
    ) -> None:
        """Results are of dtype `written` where that is another; `needs` raises where a device cannot do this; on devices of the `quick`
        types a quick profile measures it."""
        self.name = self.family = f"matmul-{dtype}" if product == "output" else f"matmul-{dtype}-{product}"
        self.dtype = dtype
        self.measures = f"dense product in {dtype}" if product == "output" else f"{product} product of a linear layer in {dtype}"
        self._torch_dtype = torch_dtype
        self._multiply = multiply
        self._layout = LAYOUTS[product]
        self._written = written or torch_dtype
        self._needs = needs
        self._quick = quick

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        return [] if quick and device.type not in self._quick else product_shapes(device, quick=quick)

    def counts(self, shape: Shape) -> tuple[float, float]:
        m, n, k = shape["m"], shape["n"], shape["k"]
        return float(self._torch_dtype.itemsize * (m * k + k * n) + self._written.itemsize * m * n), 2.0 * m * n * k

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        self._needs(device)
        m, n, k = shape["m"], shape["n"], shape["k"]
        left, right = self._layout(self._random((m, k), device), self._random((k, n), device))
        out = torch.empty(m, n, dtype=self._written, device=device)
        product, note = self._multiply, widened_note(self._torch_dtype, device)
        return Work(lambda: product(left, right, out=out), *self.counts(shape), note=note)

    def _random(self, shape: tuple[int, int], device: torch.device) -> torch.Tensor:
        if self._torch_dtype == torch.int8:
            return torch.randint(-127, 128, shape, dtype=torch.int8, device=device)
        return random_numbers(shape, self._torch_dtype, device)


def tf32_product(left: torch.Tensor, right: torch.Tensor, /, *, out: torch.Tensor) -> torch.Tensor:
    """fp32 operands through TF32 tensor cores, which torch leaves off unless asked."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return torch.mm(left, right, out=out)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def fp8_product(left: torch.Tensor, right: torch.Tensor, /, *, out: torch.Tensor) -> torch.Tensor:
    """e4m3 operands with one scale each, as float8 training multiplies tensor by tensor in its forward pass: with fast accumulation."""
    one = _one(left.device)
    return torch._scaled_mm(left, right, out_dtype=out.dtype, scale_a=one, scale_b=one, use_fast_accum=True, out=out)


@cache
def _one(device: torch.device) -> torch.Tensor:
    return torch.ones((), device=device)


def needs_tensor_cores(device: torch.device) -> None:
    """NotImplementedError, which skips the probe with this note, where there is no TF32 unit."""
    if device.type != "cuda" or torch.version.hip or torch.cuda.get_device_capability() < (8, 0):
        raise NotImplementedError("TF32 is a format of NVIDIA's tensor cores since Ampere; this device has none")


PROBES = (
    Matmul("fp32", torch.float32, torch.mm),
    Matmul("tf32", torch.float32, tf32_product, needs=needs_tensor_cores, quick=()),
    *(Matmul("bf16", torch.bfloat16, multiply, product=product) for product in PRODUCTS),
    Matmul("fp16", torch.float16, multiply, quick=()),
    Matmul("fp8", torch.float8_e4m3fn, fp8_product, torch.bfloat16, quick=()),
    Matmul("int8", torch.int8, multiply_int8, torch.int32, quick=("cuda",)),  # where it stands for the INT8 linear layers
)
