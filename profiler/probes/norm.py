"""RMSNorm over a layer's width, as Llama-shaped models have it before each of their halves."""

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it

from profiler.passes import forward_alone, token_shapes, with_backward
from profiler.probes import Shape, Work, random_numbers
from sim.cost.passes import family, pass_bytes


class Norm:
    dtype = "bf16"
    anchor = False

    def __init__(self, *, training: bool) -> None:
        self._training = training
        self.name = self.family = family("norm", training=training)
        self.measures = f"RMSNorm of bf16 activations, {'forward and backward' if training else 'forward'}"

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        if quick and not self._training:
            return []
        return token_shapes(device, quick=quick)

    def counts(self, shape: Shape) -> tuple[float, float]:
        return pass_bytes("norm", shape["tokens"], shape["width"], 2, training=self._training), 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        x = random_numbers((shape["tokens"], shape["width"]), torch.bfloat16, device).requires_grad_()
        weight = torch.ones(shape["width"], device=device).bfloat16().requires_grad_()

        def call() -> torch.Tensor:
            return F.rms_norm(x, (shape["width"],), weight)

        return Work(with_backward(call, (x, weight)) if self._training else forward_alone(call), *self.counts(shape))


PROBES = (Norm(training=False), Norm(training=True))
