"""Causal attention by heads and sequence length, through the kernel that torch chooses for this device."""

from pathlib import Path

import torch

from profiler.passes import forward_alone, with_backward
from profiler.probes import Shape, Work, filled_space, random_numbers
from profiler.products import attention, widened_note
from sim.cost.attention import FAMILY, attention_bytes, attention_flops
from sim.cost.passes import family

SEQUENCES = {"cpu": (64, 2048), "cuda": (512, 16384)}
HEADS = {"cpu": (4, 64), "cuda": (16, 256)}
"""Heads of all sequences of a batch."""
HEAD_SIZES = {"cpu": (64, 128), "cuda": (128, 64)}
MOST_FLOPS = {"cpu": 6e9, "cuda": 4e12}
LEAST_FLOPS = {"cpu": 1e7, "cuda": 1e10}


class Attention:
    dtype = "bf16"
    anchor = False

    def __init__(self, *, training: bool) -> None:
        self._training = training
        self.name = self.family = family(FAMILY, training=training)
        self.measures = f"causal attention in bf16 (SDPA), {'forward and backward' if training else 'forward'}"

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        if quick and not self._training:
            return []
        kind, made = device.type, []
        sequences, heads = (filled_space(160, *ends[kind], multiple, 2) for ends, multiple in ((SEQUENCES, 64), (HEADS, 4)))
        for number, ((sequence, _), (_, count)) in enumerate(zip(sequences, heads, strict=True)):
            head = HEAD_SIZES[kind][number % 3 == 2]  # two of three have the commoner size
            if LEAST_FLOPS[kind] <= attention_flops(count, sequence, head, training=self._training) <= MOST_FLOPS[kind]:
                made.append({"heads": count, "sequence": sequence, "head": head})
        distinct = list({tuple(shape.values()): shape for shape in made}.values())
        return distinct[: 9 if quick else 40]

    def counts(self, shape: Shape) -> tuple[float, float]:
        sizes = (shape["heads"], shape["sequence"], shape["head"])
        return attention_bytes(*sizes, 2, training=self._training), attention_flops(*sizes, training=self._training)

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        # As a layer gives them: heads beside each other in a token's row.
        size = (1, shape["sequence"], shape["heads"], shape["head"])
        query, key, value = (random_numbers(size, torch.bfloat16, device).requires_grad_() for _ in range(3))

        def call() -> torch.Tensor:
            return attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))

        run = with_backward(call, (query, key, value)) if self._training else forward_alone(call)
        return Work(run, *self.counts(shape), note=widened_note(torch.bfloat16, device))


PROBES = (Attention(training=False), Attention(training=True))
