"""The weighted sum of models: a linear merge, task arithmetic, and SLERP once its angle is known."""

from collections.abc import Sequence

import torch


def weighted_sum(models: Sequence[torch.Tensor], start: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
    """Σ weightᵢ·modelᵢ in fp32."""
    total = models[0].float() * weights[0]
    for index in range(1, len(models)):
        total = total + models[index].float() * weights[index]
    return total
