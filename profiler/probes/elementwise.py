"""The plainest pass over activations: two tensors added into a new one, as at every residual and wherever gradients meet."""

from pathlib import Path

import torch

from profiler.passes import token_shapes
from profiler.probes import Shape, Work, random_numbers
from sim.cost.passes import ADDITION


class Elementwise:
    name = family = "elementwise"
    dtype = "bf16"
    measures = "sum of two bf16 activations"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        return token_shapes(device, quick=quick)

    def counts(self, shape: Shape) -> tuple[float, float]:
        return 2.0 * ADDITION * shape["tokens"] * shape["width"], 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        one, other = (random_numbers((shape["tokens"], shape["width"]), torch.bfloat16, device) for _ in range(2))
        return Work(lambda: one + other, *self.counts(shape))


PROBES = (Elementwise(),)
