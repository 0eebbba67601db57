"""Merges in device memory, by method, number of experts and size: bytes through the same kernels that a streamed merge runs."""

from itertools import product
from pathlib import Path

import torch

from profiler.merging.combining import is_fused, merge
from profiler.merging.recipe import Recipe
from profiler.merging.side_by_side import side_by_side
from profiler.probes import Shape, Work, random_numbers
from sim.cost.merge import BYTES_PER_PARAMETER, models_moved
from sim.scenario.workloads import SLERP_EXPERTS, MergeMethod

MILLION = 1_000_000
UNFUSED = "merges ran operation by operation: no compiler here that torch.compile could use, so fused ones would be several times as fast"


class Merge:
    """`experts` to measure in a quick and in a full profile; where a quick one measures none, costs go by the linear merge's bytes."""

    dtype = "bf16"
    anchor = False

    def __init__(self, method: MergeMethod, measures: str, quick: tuple[int, ...], full: tuple[int, ...]) -> None:
        self.name = self.family = f"merge-{method}"
        self.measures = f"{measures}, bf16, in device memory"
        self._method, self._quick, self._full = method, quick, full

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        experts = self._quick if quick else self._full
        if quick and device.type != "cpu":
            experts = experts[-1:]  # a GPU's kernel is compiled anew for each number of them
        sizes = QUICK_SIZES if quick else FULL_SIZES
        few = sizes[::2] if len(experts) > 1 else sizes
        scale = 1 if device.type == "cpu" else 8
        return [{"experts": k, "parameters": size * scale * MILLION} for k, size in product(experts, few)]

    def counts(self, shape: Shape) -> tuple[float, float]:
        moved = models_moved(self._method, shape["experts"]) * shape["parameters"] * BYTES_PER_PARAMETER
        return float(moved), 2.0 * shape["experts"] * shape["parameters"]

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        recipe, parameters = Recipe.equal(self._method, shape["experts"]), shape["parameters"]
        *models, out = side_by_side(recipe.models + 1, parameters, torch.bfloat16, device)
        for one in models:
            one.copy_(random_numbers(parameters, torch.bfloat16, device))
        fused = is_fused(device)
        return Work(
            lambda: merge(recipe, models, out),
            *self.counts(shape),
            note=None if fused else UNFUSED,
            compiles="once" if fused else "never",
        )


QUICK_SIZES, FULL_SIZES = (12, 16, 20, 25, 32, 40), (10, 14, 20, 28, 40, 56)
"""Millions of parameters; every other one where there are several numbers of experts."""
FEW, MANY = (2, 8), (2, 4, 8)
PROBES = (
    Merge("linear", "α-weighted average of k experts", (2, 4, 8), MANY),
    Merge("slerp", "spherical interpolation of two models", (), (SLERP_EXPERTS,)),
    Merge("task-arithmetic", "base plus scaled differences of k experts", (), MANY),
    Merge("ties", "TIES of k experts, thresholds included", FEW, MANY),
    Merge("dare-ties", "DARE-TIES of k experts", (), MANY),
)
