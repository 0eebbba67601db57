"""An AdamW step as mixed-precision training takes it: bf16 weights and gradients, fp32 masters and moments."""

from pathlib import Path

import torch
from torch import nn

from profiler.master_adamw import MasterAdamW
from profiler.probes import Shape, Work, random_numbers
from sim.cost.training import OPTIMISER_TRAFFIC

MATRICES = 8
"""A model's parameters lie in several tensors, of which an optimiser takes a list."""


class AdamW:
    name = family = "adamw"
    dtype = "bf16"
    measures = "AdamW step on fp32 masters of bf16 weights, gradients in bf16"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        scale = 1 if device.type == "cpu" else 32
        millions = (1, 2, 4, 6, 9, 14) if quick else (1, 2, 3, 4, 6, 8, 11, 15, 20, 28)
        return [{"parameters": scale * size * 1_000_000} for size in millions]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return float(OPTIMISER_TRAFFIC * shape["parameters"]), 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        each = shape["parameters"] // MATRICES
        weights = [nn.Parameter(random_numbers(each, torch.bfloat16, device)) for _ in range(MATRICES)]
        gradients = [random_numbers(each, torch.bfloat16, device) for _ in range(MATRICES)]
        optimiser = MasterAdamW(weights)

        def step() -> None:
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            optimiser.step()

        return Work(step, *self.counts(shape), warm_up=2)


PROBES = (AdamW(),)
