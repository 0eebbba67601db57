"""One product of INT8 mixed-precision training, quantisation included, as each linear layer does it on every call.

Symmetric scales, by row of the left operand and by column of the right one, int32 accumulation, scaled back to bf16 (torchao's scheme,
``quantized_training``). The output, grad-input and grad-weight products are this same operation on other shapes. A GPU fuses the passes
with a compiler; on a CPU blocks of rows stay in cache between them, which does the same.
"""

from pathlib import Path

import torch

from profiler.probes import Shape, Work
from profiler.probes.matmul import product_shapes

LARGEST = 127
BLOCK = 1 << 19
"""Elements of a block on a CPU: its fp32 passes stay in the last cache (measured: up to six times as fast as whole matrices)."""


def quantise(values: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """INT8 values and the bf16→fp32 scale that gives them back, one scale a slice along `dim`."""
    scale = values.abs().amax(dim=dim, keepdim=True).float().clamp_min(1e-12) / LARGEST
    return (values / scale).round_().to(torch.int8), scale


def int8_product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left · right in INT8, for bf16 operands (m×k) and (k×n)."""
    quantised_left, row_scale = quantise(left, 1)
    quantised_right, column_scale = quantise(right, 0)
    return (torch._int_mm(quantised_left, quantised_right).float() * row_scale * column_scale).to(left.dtype)


def int8_product_in_blocks(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """`int8_product` into `out`, a block of rows at a time; `right` is the transpose of a contiguous matrix."""
    stored = right.t()
    quantised_stored, column_scale = torch.empty_like(stored, dtype=torch.int8), torch.empty(len(stored), 1, device=left.device)
    rows = max(16, BLOCK // stored.shape[1])
    for start in range(0, len(stored), rows):
        block = slice(start, start + rows)
        quantised_stored[block], column_scale[block] = quantise(stored[block], 1)
    rows = max(16, BLOCK // max(right.shape))
    for start in range(0, len(left), rows):
        block = slice(start, start + rows)
        quantised_left, row_scale = quantise(left[block], 1)
        out[block] = torch._int_mm(quantised_left, quantised_stored.t()).float().mul_(row_scale).mul_(column_scale.t())
    return out


class Int8Linear:
    name = family = "int8-linear"
    dtype = "int8-mixed"
    measures = "product of INT8 mixed-precision training, quantising both bf16 operands included"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        return product_shapes(device, quick=quick)

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        m, n, k = shape["m"], shape["n"], shape["k"]
        left = torch.randn(m, k, device=device).bfloat16()
        right = torch.randn(n, k, device=device).bfloat16().t()
        moved, flops = 2.0 * (m * k + k * n + m * n), 2.0 * m * n * k
        if device.type == "cuda":
            # Without a fusing compiler a GPU would run a dozen small kernels that nobody trains with. It compiles for each shape, as in
            # training; without the reset it would give up after eight of them and run those small kernels.
            torch.compiler.reset()
            compiled = torch.compile(int8_product, dynamic=False)
            return Work(lambda: compiled(left, right), moved, flops, compiles=True)
        out = torch.empty(m, n, dtype=torch.bfloat16, device=device)
        return Work(lambda: int8_product_in_blocks(left, right, out), moved, flops)


PROBES = (Int8Linear(),)
