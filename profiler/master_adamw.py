"""AdamW on fp32 copies of bf16 weights: the optimiser of every anchor, and what the optimiser's probe measures."""

from collections.abc import Iterable

import torch
from torch import nn


class MasterAdamW:
    """Masters and moments in fp32; gradients are read in the weights' precision and let go."""

    def __init__(self, weights: Iterable[nn.Parameter]) -> None:
        self._weights = list(weights)
        self._masters = [nn.Parameter(weight.detach().float()) for weight in self._weights]
        self._adam = torch.optim.AdamW(self._masters, lr=1e-4, fused=True)

    def step(self) -> None:
        for weight, master in zip(self._weights, self._masters, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        self._adam.step()
        with torch.no_grad():
            for weight, master in zip(self._weights, self._masters, strict=True):
                master.grad = None
                weight.copy_(master)
