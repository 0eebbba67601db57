"""SwiGLU's gate: silu(gate) · up, between the matrices of a Llama-shaped feed-forward layer."""

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it

from profiler.passes import forward_alone, token_shapes, with_backward
from profiler.probes import Shape, Work, random_numbers
from sim.cost.passes import family, pass_bytes


class Gate:
    dtype = "bf16"
    anchor = False

    def __init__(self, *, training: bool) -> None:
        self._training = training
        self.name = self.family = family("gate", training=training)
        self.measures = f"SwiGLU's gate on bf16 activations, {'forward and backward' if training else 'forward'}"

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        if quick and not self._training:
            return []
        return token_shapes(device, quick=quick)

    def counts(self, shape: Shape) -> tuple[float, float]:
        return pass_bytes("gate", shape["tokens"], shape["width"], 2, training=self._training), 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        size = (shape["tokens"], shape["width"])
        gate, up = (random_numbers(size, torch.bfloat16, device).requires_grad_() for _ in range(2))

        def call() -> torch.Tensor:
            return F.silu(gate) * up

        return Work(with_backward(call, (gate, up)) if self._training else forward_alone(call), *self.counts(shape))


PROBES = (Gate(training=False), Gate(training=True))
