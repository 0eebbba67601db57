"""The linear merge that is measured: an α-weighted average of experts, in chunks small enough to stay in cache between passes.

Every expert is read once and the result written once, so its floor is (k+1)·P·b bytes. Sums are taken in fp32 whatever the weights' dtype.
"""

from collections.abc import Sequence

import torch

CHUNK = {"cpu": 1 << 20, "cuda": 1 << 26}
"""Elements a chunk: its fp32 sum stays in a CPU's last cache while each pass still outweighs its start (measured: 16 GB/s here, 9 at a
quarter and 6 at four times this); a GPU wants few, large kernels."""


def merge_linear(experts: Sequence[torch.Tensor], weights: Sequence[float], out: torch.Tensor) -> torch.Tensor:
    """Σ weightᵢ·expertᵢ into `out`; all of one dtype and number of elements. ValueError where they are not."""
    if len(experts) != len(weights) or any(one.numel() != out.numel() or one.dtype != out.dtype for one in experts):
        raise ValueError("experts, weights and result must match in number, size and dtype")
    flat, result = [one.view(-1) for one in experts], out.view(-1)
    size = min(CHUNK[out.device.type], max(out.numel(), 1))
    total = torch.empty(size, dtype=torch.float32, device=out.device)
    for start in range(0, out.numel(), size):
        stop = min(start + size, out.numel())
        part = total[: stop - start]
        torch.mul(flat[0][start:stop], weights[0], out=part)
        for expert, weight in zip(flat[1:], weights[1:], strict=True):
            part.add_(expert[start:stop], alpha=weight)
        result[start:stop].copy_(part)
    return out
