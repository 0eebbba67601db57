"""Prefill and decode of a Llama-shaped stack with a key-value cache: by batch and prompt length, and by batch and context length.

bf16, on a GPU without the host's launches, as servers hide them (CUDA graphs). A decode reads every weight and every cached key and value
for one token a sequence; a prefill is arithmetic.
"""

from itertools import product
from pathlib import Path

import torch

from profiler.llama import Cache, Transformer
from profiler.passes import forward_alone
from profiler.probes import Shape, Work
from sim.cost.models import measured_model
from sim.cost.serving import decode_counts, prefill_counts

STACKS: dict[str, tuple[Shape, ...]] = {
    "cpu": (
        {"layers": 2, "hidden": 512, "intermediate": 1536, "heads": 8, "kv_heads": 4, "vocabulary": 8192},
        {"layers": 2, "hidden": 768, "intermediate": 2048, "heads": 12, "kv_heads": 4, "vocabulary": 8192},
    ),
    "cuda": (
        {"layers": 4, "hidden": 4096, "intermediate": 14336, "heads": 32, "kv_heads": 8, "vocabulary": 32768},
        {"layers": 4, "hidden": 2048, "intermediate": 8192, "heads": 32, "kv_heads": 8, "vocabulary": 32768},
    ),
}
"""As many layers in each, since a fit has one overhead for all of a stack's kernels."""
BATCHES = {"cpu": (1, 2, 4, 8), "cuda": (1, 4, 16, 64)}
PROMPTS = {"cpu": (64, 128, 256), "cuda": (512, 2048)}
CONTEXTS = {"cpu": (64, 256, 1024), "cuda": (512, 2048, 8192)}
MOST_PROMPTED = {"cpu": 1024, "cuda": 65536}
"""Tokens in one prefill."""


def _with_cache(shape: Shape, positions: int, filled: int, device: torch.device) -> tuple[Transformer, Cache]:
    model = Transformer(shape, device, positions=positions)
    head = shape["hidden"] // shape["heads"]
    cache = Cache(shape["layers"], shape["batch"], shape["kv_heads"], positions, head, device)
    cache.filled = filled
    return model, cache


class Prefill:
    name = family = "prefill"
    dtype = "bf16"
    measures = "prefill of prompts into a key-value cache: a Llama-shaped stack, up to the first token's logits"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        """In a full profile alone: training and merging rest on neither of these two."""
        kind = device.type
        made = [
            stack | {"batch": batch, "sequence": prompt}
            for stack, batch, prompt in product(STACKS[kind], BATCHES[kind], PROMPTS[kind])
            if batch * prompt <= MOST_PROMPTED[kind]
        ]
        return [] if quick else made

    def counts(self, shape: Shape) -> tuple[float, float]:
        return prefill_counts(measured_model(shape), shape["batch"], shape["sequence"])

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        model, cache = _with_cache(shape, shape["sequence"], 0, device)
        tokens = torch.randint(0, shape["vocabulary"], (shape["batch"], shape["sequence"]), device=device)
        return Work(forward_alone(lambda: model(tokens, cache)), *self.counts(shape), warm_up=2)


class Decode:
    name = family = "decode"
    dtype = "bf16"
    measures = "decode of one token a sequence against a filled key-value cache: a Llama-shaped stack"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        kind = device.type
        made = product(STACKS[kind], BATCHES[kind], CONTEXTS[kind])
        return [] if quick else [stack | {"batch": batch, "context": context} for stack, batch, context in made]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return decode_counts(measured_model(shape), shape["batch"], shape["context"])

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        model, cache = _with_cache(shape, shape["context"] + 1, shape["context"], device)
        cache.fill_random()
        tokens = torch.randint(0, shape["vocabulary"], (shape["batch"], 1), device=device)
        return Work(forward_alone(lambda: model(tokens, cache)), *self.counts(shape), warm_up=2)


PROBES = (Prefill(), Decode())
