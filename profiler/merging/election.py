"""TIES' second half, shared by what trims differences by magnitude and by chance: elect a sign, average what agrees with it.

Yadav et al., "TIES-Merging" (arXiv 2306.01708), with weights: the elected sign is that of the weighted sum, and the mean is over
the weights of those that agree.
"""

from collections.abc import Sequence

import torch


def elected_mean(differences: Sequence[torch.Tensor], weights: torch.Tensor) -> torch.Tensor:
    """The merged difference; a difference of 0 was dropped, and agrees with nobody."""
    weighted = [one * weights[index] for index, one in enumerate(differences)]
    total = weighted[0]
    for one in weighted[1:]:
        total = total + one
    sign = torch.where(total < 0, -1.0, 1.0)
    sums = counts = torch.zeros_like(total)
    for index, one in enumerate(weighted):
        along = one * sign
        agrees = along > 0
        sums = sums + torch.where(agrees, along, 0.0)
        counts = counts + torch.where(agrees, weights[index], 0.0)
    agreed = (total != 0) & (counts > 0)
    return torch.where(agreed, sign * sums / counts, 0.0)
