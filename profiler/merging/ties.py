"""TIES: of each expert's differences from the base only the largest count, and only those that agree with the elected sign.

The threshold is a k-th value of a sample, not of a sort: runs of neighbours, evenly over the tensor. Tensors of up to SAMPLE elements are
sampled whole, so exactly; of larger ones the share kept is off by about 0.1 % of the tensor (one standard deviation, at the density 0.2 and
elements alike everywhere), and no second pass over the models is needed.
"""

from collections.abc import Sequence

import numpy as np
import torch

from profiler.merging.election import elected_mean
from profiler.merging.elements import Elements

SAMPLE = 1 << 17
"""Elements of a tensor: selecting among more would cost more than it tells."""
RUN = 512
"""Neighbours taken together, so that a sample is some hundreds of reads, from memory or from a file."""


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


def sample(elements: Elements, model: int, count: int) -> torch.Tensor:
    """A model's sample of a tensor of `count` elements, flat and in fp32."""
    if count <= SAMPLE:
        return elements.piece(model, 0, count).float()
    number = SAMPLE // RUN
    return elements.runs(model, number, (count - RUN) // (number - 1), RUN).float().flatten()


def thresholds(elements: Elements, experts: int, count: int, density: float) -> torch.Tensor:
    """By expert, the least magnitude of a difference from model 0, the base, that is kept."""
    base = sample(elements, 0, count)
    magnitudes = torch.stack([(sample(elements, 1 + expert, count) - base).abs_() for expert in range(experts)])
    least = magnitudes.shape[1] - max(1, round(density * magnitudes.shape[1]))
    # numpy selects with vector instructions, torch does not (measured: 0.9 and 15 ms for eight experts).
    return torch.from_numpy(np.partition(magnitudes.cpu().numpy(), least, axis=1)[:, least].copy())
