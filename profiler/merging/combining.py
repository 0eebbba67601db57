"""From a recipe and one tensor's models to the merged tensor: the method's arithmetic over everything at once, each model read once.

Where a compiler is there the arithmetic is one fused kernel (torch.compile: C++ on a CPU, Triton on a GPU); without one it runs operation
by operation, on chunks that stay in cache in between. Everything is fp32 inside, and only the result is rounded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch

from profiler.compiling import can_compile, fused
from profiler.merging.dare import dare_ties, keys
from profiler.merging.elements import Elements, InMemory
from profiler.merging.linear import weighted_sum
from profiler.merging.recipe import Recipe, task_arithmetic_weights
from profiler.merging.slerp import slerp_weights
from profiler.merging.ties import thresholds, ties

Arithmetic = Callable[..., torch.Tensor]
CHUNK = {"cpu": 1 << 18, "cuda": 1 << 26}
"""Elements of a chunk where nothing is fused: its temporaries stay in a CPU's last cache; a GPU wants few, large kernels."""
REPEATED: dict[str, Any] = {"realize_reads_threshold": 16, "realize_acc_reads_threshold": 1000}
"""DARE-TIES writes out an expert's difference wherever it is used, up to 16 times, instead of holding it in between: the C++ compiler keeps
all in registers then (measured for eight experts on two Zen 3 cores: 54 ms for 126; TIES would gain nothing and compile twice as long)."""
VECTOR = 16
"""Triton reads several elements at once only where it knows that a size is a multiple of this; compiled for any, it reads them one by one
(published for an H100: 3.5 times as long, PyTorch pull request 193614)."""


@dataclass(frozen=True)
class Combination:
    """How one tensor's models become one: `arithmetic` with its parameters on the models' device, for any piece of the tensor."""

    arithmetic: Arithmetic
    parameters: tuple[torch.Tensor, ...]

    def into(self, models: Sequence[torch.Tensor], out: torch.Tensor, start: int = 0) -> torch.Tensor:
        """Merge flat pieces of one dtype that begin at element `start`; ValueError where they do not match."""
        if any(one.numel() != out.numel() or one.dtype != out.dtype for one in models):
            raise ValueError("models and result must match in size and dtype")
        if out.numel() == 0:
            return out
        place = torch.full((), start, dtype=torch.int32, device=out.device)
        flat, result = [one.view(-1) for one in models], out.view(-1)
        if (kernel := _fused(self.arithmetic, out.device.type)) is not None:
            kernel(result, place, self.parameters, *flat)
            return out
        size = CHUNK[out.device.type]
        for first in range(0, out.numel(), size):
            piece = slice(first, first + size)
            result[piece].copy_(self.arithmetic([one[piece] for one in flat], place + first, *self.parameters))
        return out


def combination(recipe: Recipe, elements: Elements, count: int, device: torch.device, name: str = "") -> Combination:
    """The combination for a tensor of `count` elements; of its `elements` SLERP needs all and TIES some.

    Models are the base first, where the method needs one, then the experts. `name` is the tensor's: DARE's choice depends on it.
    """
    weights, scale = _on_device(tuple(recipe.weights), device), _on_device((recipe.scale,), device)
    if recipe.method == "linear":
        return Combination(weighted_sum, (weights,))
    if recipe.method == "task-arithmetic":
        return Combination(weighted_sum, (_on_device(tuple(task_arithmetic_weights(recipe.weights, recipe.scale)), device),))
    if recipe.method == "slerp":
        return Combination(weighted_sum, (_on_device(tuple(slerp_weights(elements, count, recipe.weights, device.type)), device),))
    if recipe.method == "ties":
        return Combination(ties, (weights, thresholds(elements, len(recipe.weights), count, recipe.density).to(device), scale))
    chosen = _keys_on_device(recipe.seed, name, len(recipe.weights), device)
    return Combination(dare_ties, (weights, chosen, _on_device((recipe.density,), device), scale))


@lru_cache(maxsize=64)
def _on_device(values: tuple[float, ...], device: torch.device) -> torch.Tensor:
    """fp32 values there, kept: a GPU that is sent them with every tensor waits for the host each time."""
    return torch.tensor(values, dtype=torch.float32, device=device)


@lru_cache(maxsize=64)
def _keys_on_device(seed: int, name: str, experts: int, device: torch.device) -> torch.Tensor:
    return keys(seed, name, experts).to(device)


def merge(recipe: Recipe, models: Sequence[torch.Tensor], out: torch.Tensor, name: str = "") -> torch.Tensor:
    """Merge one tensor in memory into `out`. ValueError where number, sizes or dtypes do not match."""
    if len(models) != recipe.models:
        raise ValueError(f"{recipe.method} of {len(recipe.weights)} experts needs {recipe.models} models, not {len(models)}")
    flat = [one.view(-1) for one in models]
    if out.numel() == 0:
        return out
    return combination(recipe, InMemory(flat), out.numel(), out.device, name).into(models, out)


def is_fused(device: torch.device) -> bool:
    """Whether merges run as fused kernels here."""
    return _fused(weighted_sum, device.type) is not None


@cache
def _fused(arithmetic: Arithmetic, device: str) -> Callable[..., None] | None:
    """The arithmetic as one kernel, or None where this machine cannot compile one."""

    def run(out: torch.Tensor, place: torch.Tensor, parameters: tuple[torch.Tensor, ...], *models: torch.Tensor) -> None:
        if out.is_cuda and out.numel() % VECTOR == 0:
            torch._check(out.numel() % VECTOR == 0)  # type: ignore[no-untyped-call]  # what the compiler is to know of sizes that it takes any of
        out.copy_(arithmetic(models, place, *parameters))

    # `run` is one code object for every arithmetic, number of experts and dtype.
    return fused(run, **(REPEATED if arithmetic is dare_ties and device == "cpu" else {})) if can_compile(device) else None
