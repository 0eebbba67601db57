"""Products in formats shorter than fp32, as this device does them best: through fp32 on a CPU without arithmetic in them.

torch multiplies bf16, fp16 and INT8 there in plain loops, which nobody would train with. Measured on two Zen 3 cores (256×4096×512): bf16
66, 1322 and 69 ms for a linear layer's output, grad-input and grad-weight, 8 to 12 ms through fp32, conversions included; INT8 273 or 817.
"""

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it

FEW_ROWS = 16
"""Below, a product is bound by reading its right operand, which widening would read and write over again (a decode's products)."""
HAS_KERNELS: dict[torch.dtype, Callable[[], bool]] = {
    torch.bfloat16: lambda: torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    torch.float16: lambda: torch.ops.mkldnn._is_mkldnn_fp16_supported(),
    torch.int8: lambda: torch.cpu._is_vnni_supported(),
}
"""What torch itself asks before it takes kernels made for these formats on a CPU."""


@cache
def has_arithmetic(dtype: torch.dtype, device: str) -> bool:
    """Whether products of this dtype have kernels of their own on devices of this type; any but a CPU is taken to have them."""
    return device != "cpu" or dtype not in HAS_KERNELS or HAS_KERNELS[dtype]()


def widened_note(dtype: torch.dtype, device: torch.device) -> str | None:
    """What a measurement of such products should say, where they are not the dtype's own."""
    name = str(dtype).removeprefix("torch.")
    return None if has_arithmetic(dtype, device.type) else f"{name} products ran through fp32: this CPU has no {name} arithmetic"


def multiply(left: torch.Tensor, right: torch.Tensor, /, *, out: torch.Tensor | None = None) -> torch.Tensor:
    """left · right (m×k, k×n) in their dtype, into `out` where it is given."""
    if has_arithmetic(left.dtype, left.device.type) or len(left) < FEW_ROWS:
        return torch.mm(left, right, out=out)
    wide = torch.mm(left.float(), right.float())
    return wide.to(left.dtype) if out is None else out.copy_(wide)


def int8_sums(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """left · right of INT8 operands, unscaled: in int32, or in fp32, exact up to 2²⁴ and rounded to 24 bits above."""
    if has_arithmetic(torch.int8, left.device.type):
        return torch._int_mm(left, right)
    return torch.mm(left.float(), right.float())


def multiply_int8(left: torch.Tensor, right: torch.Tensor, /, *, out: torch.Tensor) -> torch.Tensor:
    """left · right of INT8 operands into `out` in int32."""
    if has_arithmetic(torch.int8, left.device.type):
        return torch._int_mm(left, right, out=out)
    return out.copy_(int8_sums(left, right))


def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Causal attention of (batch, heads, positions, head), whose heads of keys and values may be fewer."""
    if has_arithmetic(query.dtype, query.device.type):
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    wide = F.scaled_dot_product_attention(query.float(), key.float(), value.float(), is_causal=True, enable_gqa=True)
    return wide.to(query.dtype)
