"""TIES: of each expert's differences from the base only the largest count, and only those that agree with the elected sign.

The threshold is a k-th value of a sample, not of a sort: runs of neighbours, evenly over the tensor. Tensors of up to SAMPLE elements are
sampled whole, so exactly; of larger ones the share kept is off by about 0.1 % of the tensor (one standard deviation, at the density 0.2 and
elements alike everywhere), and no second pass over the models is needed.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from profiler.merging.election import elected_mean

SAMPLE = 1 << 17
"""Elements of a tensor: selecting among more would cost more than it tells."""
RUN = 512
"""Neighbours taken together, so that a sample is some hundreds of reads, from memory or from a file."""

Read = Callable[[int, int, int], torch.Tensor]
"""A model's elements by its number, the first and the one after the last."""


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


def runs(count: int) -> list[tuple[int, int]]:
    """Where the sample of a tensor of `count` elements lies: first and after the last of each run."""
    if count <= SAMPLE:
        return [(0, count)]
    number = SAMPLE // RUN
    return [(start, start + RUN) for start in (index * (count - RUN) // (number - 1) for index in range(number))]


def thresholds(read: Read, experts: int, count: int, density: float) -> torch.Tensor:
    """By expert, the least magnitude of a difference from model 0, the base, that is kept."""

    def sampled(model: int) -> torch.Tensor:
        return torch.cat([read(model, start, stop) for start, stop in runs(count)]).float()

    base = sampled(0)
    magnitudes = torch.stack([(sampled(1 + expert) - base).abs_() for expert in range(experts)])
    least = magnitudes.shape[1] - max(1, round(density * magnitudes.shape[1]))
    # numpy selects with vector instructions, torch does not (measured: 0.9 and 15 ms for eight experts).
    return torch.from_numpy(np.partition(magnitudes.cpu().numpy(), least, axis=1)[:, least].copy())
