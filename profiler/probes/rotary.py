"""Rotary positions: each head's halves turned by an angle that grows with the position."""

from pathlib import Path

import torch

from profiler.llama import rotary_table, rotated
from profiler.passes import forward_alone, token_shapes, with_backward
from profiler.probes import Shape, Work, random_numbers
from sim.cost.passes import family, pass_bytes

HEAD = {"cpu": 64, "cuda": 128}


class Rotary:
    dtype = "bf16"
    anchor = False

    def __init__(self, *, training: bool) -> None:
        self._training = training
        self.name = self.family = family("rotary", training=training)
        self.measures = f"rotary positions of bf16 queries or keys, {'forward and backward' if training else 'forward'}"

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        if quick and not self._training:
            return []
        return token_shapes(device, quick=quick, multiple=HEAD[device.type])

    def counts(self, shape: Shape) -> tuple[float, float]:
        return pass_bytes("rotary", shape["tokens"], shape["width"], 2, training=self._training), 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        tokens, head = shape["tokens"], min(HEAD[device.type], shape["width"])
        x = random_numbers((1, tokens, shape["width"] // head, head), torch.bfloat16, device).requires_grad_()
        table = rotary_table(tokens, head).to(device)

        def call() -> torch.Tensor:
            return rotated(x.transpose(1, 2), table)

        return Work(with_backward(call, (x,)) if self._training else forward_alone(call), *self.counts(shape))


PROBES = (Rotary(training=False), Rotary(training=True))
