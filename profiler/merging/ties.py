"""TIES: of each expert's differences from the base only the largest count, and only those that agree with the elected sign.

The threshold is a k-th value of a sample, not of a sort: runs of neighbours, evenly over the tensor. Tensors of up to SAMPLE elements are
sampled whole, so exactly; of larger ones the share kept is off by about 0.1 % of the tensor (one standard deviation, at the density 0.2 and
elements alike everywhere), and no second pass over the models is needed.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from profiler.merging.election import elected_mean
from profiler.merging.elements import Elements

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
SAMPLE = 1 << 17
"""Elements of a tensor: selecting among more would cost more than it tells."""
RUN = 512
"""Neighbours taken together, so that a sample is some hundreds of reads, from memory or from a file."""

FEW = 64
"""One of so many sets the bounds between which a threshold is looked for."""
DEVIATIONS = 3
"""Standard deviations from where the threshold should be to either bound; beyond them it is looked for everywhere."""
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

    In numpy, on one thread: two of torch's wait for each other after every operation, each behind a thread that reads (measured over 111
    tensors of a streamed merge: 0.5 s, and 0.13 on one). One expert after the other, in place, which stays in a core's own cache; and by
    the bits of their magnitudes, which lie in the order of the magnitudes themselves and take half the time to select from as integers.
    """
    base = sampled(elements, 0, count)
    if base.is_cuda:
        return thresholds_there(base, [sampled(elements, 1 + expert, count) for expert in range(experts)], density)
    start = _widened(base)
    least = _least(len(start), density)
    found = np.empty(experts, np.int32)
    for expert in range(experts):
        difference = sample(elements, 1 + expert, count)
        difference -= start
        bits = difference.view(np.int32)
        bits &= MAGNITUDE
        found[expert] = selected(bits, least)
    return torch.from_numpy(found.view(np.float32))


def selected(numbers: Ints, rank: int) -> np.int32:
    """The number that would stand at `rank`, were they sorted; they may be reordered.

    From those between two bounds that a few of them set (Floyd and Rivest, CACM 18(3), 1975): comparisons are vector instructions on every
    CPU, while numpy's own selection is slow where storing some lanes of a vector is (measured on Zen 4, of a sample: 0.27 ms for 0.68).
    """
    few = numbers[::FEW].copy()
    at, apart = rank // FEW, round(DEVIATIONS * math.sqrt(len(few)) / 2)  # of a share, the deviation is at most half a root
    lower, upper = max(at - apart, 0), min(at + apart, len(few) - 1)
    few.partition((lower, upper))
    under = numbers < few[lower]
    between = numbers[np.flatnonzero((numbers <= few[upper]) ^ under)]
    place = rank - int(np.count_nonzero(under))
    if not 0 <= place < len(between):
        between, place = numbers, rank
    between.partition(place)
    return np.int32(between[place])


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
