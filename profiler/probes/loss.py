"""Cross-entropy over a vocabulary, of bf16 logits widened to fp32, as language models are trained."""

from pathlib import Path

import torch

from profiler.llama import token_loss
from profiler.passes import forward_alone, token_shapes
from profiler.probes import Shape, Work, random_numbers
from sim.cost.passes import family, pass_bytes

LOGITS = {"cpu": (1e6, 4e7), "cuda": (3e7, 5e8)}
"""A vocabulary is wide: logits are the largest activations of all."""


class Loss:
    dtype = "bf16"
    anchor = False

    def __init__(self, *, training: bool) -> None:
        self._training = training
        self.name = self.family = family("loss", training=training)
        self.measures = f"cross-entropy of bf16 logits in fp32, {'forward and backward' if training else 'forward'}"

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        if quick and not self._training:
            return []
        return token_shapes(device, quick=quick, narrowest=1024, values=LOGITS[device.type])

    def counts(self, shape: Shape) -> tuple[float, float]:
        return pass_bytes("loss", shape["tokens"], shape["width"], 2, training=self._training), 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        logits = random_numbers((shape["tokens"], shape["width"]), torch.bfloat16, device).requires_grad_()
        wanted = torch.randint(0, shape["width"], (shape["tokens"],), device=device)

        def call() -> torch.Tensor:
            return token_loss(logits, wanted)

        if self._training:
            return Work(lambda: torch.autograd.grad(call(), logits), *self.counts(shape))
        return Work(forward_alone(call), *self.counts(shape))


PROBES = (Loss(training=False), Loss(training=True))
