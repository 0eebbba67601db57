"""INT8 mixed-precision training: each product of a linear layer quantises both bf16 operands on every call, multiplies, scales back.

Symmetric scales, by row of the left operand and by column of the right one, int32 accumulation (torchao's scheme, ``quantized_training``).
The output, grad-input and grad-weight products switch on independently. A compiler fuses the passes, for each shape on a GPU (as static
training does), for all at once on a CPU; on a CPU without one, blocks of rows stay in cache between them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import nn

from profiler.compiling import allow_variants, can_compile, fused
from profiler.probes import Compiles
from profiler.products import has_arithmetic, int8_sums, multiply
from sim.scenario.workloads import Precision

Quantising = Callable[[torch.Tensor, int], tuple[torch.Tensor, torch.Tensor]]
LARGEST = 127
BLOCK = 1 << 19
"""Elements of a block on a CPU: its fp32 passes stay in the last cache (measured: up to six times as fast as whole matrices)."""
MOST_VARIANTS = 1024
"""Of the product that is compiled for each shape and layout: several times those of a profile."""


def quantise(values: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """INT8 values and the bf16→fp32 scale that gives them back, one scale a slice along `dim`."""
    scale = values.abs().amax(dim=dim, keepdim=True).float().clamp_min(1e-12) / LARGEST
    return (values / scale).round_().to(torch.int8), scale


def int8_product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left · right in INT8, for bf16 operands (m×k) and (k×n) in any layout; kernels get them row by row and column by column."""
    quantised_left, row_scale = quantise(left, 1)
    quantised_right, column_scale = quantise(right.t(), 1)
    product = torch._int_mm(quantised_left.contiguous(), quantised_right.contiguous().t())
    return (product.float() * row_scale * column_scale.t()).to(left.dtype)


def int8_product_in_blocks(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """`int8_product`, a block of rows at a time, into `out` where it is given."""
    quantised_left, row_scale = _as_it_lies(_quantised_in_blocks, left, 1)
    quantised_right, column_scale = _as_it_lies(_quantised_in_blocks, right, 0)
    result = torch.empty(len(left), right.shape[1], dtype=left.dtype, device=left.device) if out is None else out
    for block in _blocks(len(left), right.shape[1]):
        result[block] = int8_sums(quantised_left[block], quantised_right).float().mul_(row_scale[block]).mul_(column_scale)
    return result


def _as_it_lies(quantising: Quantising, values: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Quantised over the rows as they lie in memory; the values keep their layout."""
    if values.is_contiguous():
        return quantising(values, dim)
    quantised, scale = quantising(values.t(), 1 - dim)
    return quantised.t(), scale.t()


def _quantised_in_blocks(values: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`quantise` in blocks of rows."""
    quantised = torch.empty_like(values, dtype=torch.int8)
    blocks = _blocks(*values.shape)
    if dim == 1:
        scale = torch.empty(len(values), 1, device=values.device)
        for block in blocks:
            quantised[block], scale[block] = quantise(values[block], 1)
        return quantised, scale
    largest = torch.stack([values[block].abs().amax(dim=0) for block in blocks]).amax(dim=0, keepdim=True)
    scale = largest.float().clamp_min(1e-12) / LARGEST
    for block in blocks:
        quantised[block] = (values[block] / scale).round_()
    return quantised, scale


def _blocks(rows: int, width: int) -> list[slice]:
    step = max(16, BLOCK // max(width, 1))
    return [slice(start, start + step) for start in range(0, rows, step)]


def compiling_here(device: torch.device) -> Compiles:
    """For how many shapes the passes are compiled on this device: on a GPU always, since nobody trains with a dozen small kernels."""
    if device.type != "cpu":
        return "each"
    return "once" if can_compile("cpu") else "never"


def product_here(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """The INT8 product as this device does it best, into `out` where it is given and the device writes there (a CPU)."""
    if left.device.type != "cpu":
        allow_variants(MOST_VARIANTS)
        result: torch.Tensor = _compiled()(left, right)
        return result
    if not can_compile("cpu"):
        return int8_product_in_blocks(left, right, out)
    quantised_left, row_scale = _as_it_lies(fused(quantise), left, 1)
    quantised_right, column_scale = _as_it_lies(fused(quantise), right, 0)
    product = int8_sums(quantised_left, quantised_right)
    result = torch.empty(product.shape, dtype=left.dtype) if out is None else out
    fused(_scale_back)(product, row_scale, column_scale, result)
    return result


def _scale_back(product: torch.Tensor, row_scale: torch.Tensor, column_scale: torch.Tensor, out: torch.Tensor) -> None:
    out.copy_(product.float() * row_scale * column_scale)


@cache
def _compiled() -> Any:
    """For each shape."""
    return torch.compile(int8_product, dynamic=False)


class _Int8Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, switches: tuple[bool, bool, bool]) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.switches = switches
        return product_here(x, weight.t()) if switches[0] else multiply(x, weight.t())

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = product_here(gradient, weight) if ctx.switches[1] else multiply(gradient, weight)
        if ctx.needs_input_grad[1]:
            grad_weight = product_here(gradient.t(), x) if ctx.switches[2] else multiply(gradient.t(), x)
        return grad_x, grad_weight, None


class Int8TrainingLinear(nn.Linear):
    """A linear layer without bias whose three products are in INT8, each unless its switch is off."""

    output = grad_input = grad_weight = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        switches = (self.output, self.grad_input, self.grad_weight)
        flat: torch.Tensor = _Int8Linear.apply(x.reshape(-1, x.shape[-1]), self.weight, switches)  # type: ignore[no-untyped-call]
        return flat.view(*x.shape[:-1], -1)


class PlainTrainingLinear(Int8TrainingLinear):
    """The same with none of them in INT8: what a bf16 layer takes where torch's own multiplies in plain loops."""

    output = grad_input = grad_weight = False


def training_linear(precision: Precision, device: torch.device) -> type[nn.Linear]:
    """The linear layer, to be made without bias, that trains best in this precision on this device."""
    if precision == "int8-mixed":
        return Int8TrainingLinear
    return nn.Linear if has_arithmetic(torch.bfloat16, device.type) else PlainTrainingLinear
