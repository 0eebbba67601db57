"""DARE-TIES: of each expert's differences from the base a random share is kept and scaled up, then TIES elects and averages.

Yu et al., "Language Models are Super Mario" (arXiv 2311.03099). The choice is a hash of the element's place, so it is the same on every
device, in whatever pieces the tensor comes, and nothing random is stored or read.
"""

import hashlib
from collections.abc import Sequence

import torch

from profiler.merging.election import elected_mean

RESOLUTION = 24
"""Bits of a draw."""


def dare_ties(
    models: Sequence[torch.Tensor],
    start: torch.Tensor,
    weights: torch.Tensor,
    keys: torch.Tensor,
    density: torch.Tensor,
    scale: torch.Tensor,
) -> torch.Tensor:
    """The merged values in fp32. `models` is the base, then the experts; `keys` are int32 by expert, `start` the first element's place."""
    base = models[0].float()
    place = torch.arange(base.numel(), dtype=torch.int32, device=base.device) + start
    most = (density * 2.0**RESOLUTION).ceil().int()
    kept = []
    for index in range(1, len(models)):
        drawn = mixed(place + keys[index - 1])
        kept.append(torch.where(drawn < most, models[index].float() - base, 0.0))
    return base + scale / density * elected_mean(kept, weights)


def mixed(x: torch.Tensor) -> torch.Tensor:
    """RESOLUTION bits that look random, from int32 counters (lowbias32, C. Wellons, "Prospecting for hash functions", public domain)."""
    x = (x ^ ((x >> 16) & 0xFFFF)) * 0x7FEB352D
    x = (x ^ ((x >> 15) & 0x1FFFF)) * (0x846CA68B - (1 << 32))
    x = x ^ ((x >> 16) & 0xFFFF)
    return (x >> (32 - RESOLUTION)) & ((1 << RESOLUTION) - 1)


def keys(seed: int, name: str, experts: int) -> torch.Tensor:
    """int32 by expert, from the seed and the tensor's name."""
    digests = (hashlib.blake2b(f"{seed}/{name}/{expert}".encode(), digest_size=4).digest() for expert in range(experts))
    return torch.tensor([int.from_bytes(digest, "little", signed=True) for digest in digests], dtype=torch.int32)
