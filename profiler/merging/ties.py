"""TIES: of each expert's differences from the base only the largest count, and only those that agree with the elected sign.

The threshold is a k-th value of a sample, not of a sort: runs of neighbours, evenly over the tensor. Tensors of up to SAMPLE elements are
sampled whole, so exactly; of larger ones the share kept is off by about 0.1 % of the tensor (one standard deviation, at the density 0.2 and
elements alike everywhere), and no second pass over the models is needed.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from profiler.merging.election import elected_mean
from profiler.merging.elements import Elements

Floats = NDArray[np.float32]
SAMPLE = 1 << 17
"""Elements of a tensor: selecting among more would cost more than it tells."""
RUN = 512
"""Neighbours taken together, so that a sample is some hundreds of reads, from memory or from a file."""

MAGNITUDE = np.int32(0x7FFFFFFF)
"""All bits of a float but its sign."""


def ties(
    models: Sequence[torch.Tensor],
    start: torch.Tensor,  # noqa: ARG001
    weights: torch.Tensor,
    thresholds: torch.Tensor,
    scale: torch.Tensor,
) -> torch.Tensor:
    """The merged values in fp32; differences below their expert's threshold are dropped. `models` is the base, then the experts."""
    base = models[0].float()
    kept = []
    for index in range(1, len(models)):
        difference = models[index].float() - base
        kept.append(torch.where(difference.abs() >= thresholds[index - 1], difference, 0.0))
    return base + scale * elected_mean(kept, weights)


def sample(elements: Elements, model: int, count: int) -> Floats:
    """A model's sample of a tensor of `count` elements, flat, on the host and in fp32."""
    return _widened(sampled(elements, model, count))


def sampled(elements: Elements, model: int, count: int) -> torch.Tensor:
    """Where the tensor lies, and in its dtype: all of it, or (number × RUN) of a large one."""
    if count <= SAMPLE:
        return elements.piece(model, 0, count)
    number = SAMPLE // RUN
    return elements.runs(model, number, (count - RUN) // (number - 1), RUN)


def thresholds(elements: Elements, experts: int, count: int, density: float) -> torch.Tensor:
    """By expert, the least magnitude of a difference from model 0, the base, that is kept.

    In numpy: it selects with vector instructions, as torch does not (measured: 0.9 and 15 ms for eight experts), and on one thread. Two of
    torch's wait for each other after every operation, each behind a thread that reads (measured over 111 tensors of a streamed merge: 0.5
    s, and 0.13 on one). One expert after the other, in place, which stays in a core's own cache; and by the bits of their magnitudes, which
    lie in the order of the magnitudes themselves and take half the time to select from as integers.
    """
    base = sampled(elements, 0, count)
    if base.is_cuda:
        return thresholds_there(base, [sampled(elements, 1 + expert, count) for expert in range(experts)], density)
    start = _widened(base)
    least = _least(len(start), density)
    found = np.empty(experts, np.float32)
    for expert in range(experts):
        difference = sample(elements, 1 + expert, count)
        difference -= start
        bits = difference.view(np.int32)
        bits &= MAGNITUDE
        bits.partition(least)
        found[expert] = difference[least]
    return torch.from_numpy(found)


def thresholds_there(base: torch.Tensor, experts: Sequence[torch.Tensor], density: float) -> torch.Tensor:
    """The same from samples on a GPU, which does not wait for the host: all experts in one selection."""
    differences = torch.stack(list(experts)).float().sub_(base.float()).abs_().flatten(1)
    return differences.kthvalue(_least(base.numel(), density) + 1, dim=1).values


def _least(count: int, density: float) -> int:
    """How many of a sample are dropped."""
    return count - max(1, round(density * count))


def _widened(numbers: torch.Tensor) -> Floats:
    """Flat, on the host and in fp32, of which bf16 is the first half."""
    numbers = numbers.cpu().reshape(-1)
    if numbers.dtype != torch.bfloat16:
        return numbers.numpy().astype(np.float32)
    halves = numbers.view(torch.int16).numpy().view(np.uint16).astype(np.uint32)
    return np.left_shift(halves, 16, out=halves).view(np.float32)
