"""Whole merges of real safetensors files, measured and never fitted: the test of what disk, link and kernel fits say of them together."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from profiler.merging.combining import is_fused
from profiler.merging.files import drop_cache
from profiler.merging.recipe import Recipe
from profiler.merging.shards import SINGLE
from profiler.merging.streaming import merge_folders
from profiler.probes import Compiles, Shape, Work, random_numbers
from sim.cost.merge import BYTES_PER_PARAMETER, models_read
from sim.scenario.workloads import MergeMethod

MILLION = 1_000_000
TENSORS = 24
"""Of a model, of one size, a multiple of 16 as real ones are: a real shard has more, of which the largest few are larger."""


class StreamedMerge:
    dtype = "bf16"
    anchor = True

    def __init__(self, method: MergeMethod) -> None:
        self.name = self.family = f"streamed-{method}"
        self.measures = f"{method} merge of k bf16 models from safetensors files to a new one, past the page cache"
        self._method = method

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:  # noqa: ARG002
        small: Shape = {"experts": 2, "parameters": 24 * MILLION}
        return [small] if quick else [small, {"experts": 4, "parameters": 72 * MILLION}]

    def counts(self, shape: Shape) -> tuple[float, float]:
        models = models_read(self._method, shape["experts"]) + 1
        return float(models * shape["parameters"] * BYTES_PER_PARAMETER), 2.0 * shape["experts"] * shape["parameters"]

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:
        recipe = Recipe.equal(self._method, shape["experts"])
        models = [folder / f"model-{number}" for number in range(recipe.models)]
        for model in models:
            model.mkdir()
            numbers = random_numbers(shape["parameters"], torch.bfloat16, torch.device("cpu")).chunk(TENSORS)
            save_file({f"layer.{index}": one.clone() for index, one in enumerate(numbers)}, model / SINGLE)
        merged = folder / "merged-0"

        def call() -> None:
            shutil.rmtree(merged, ignore_errors=True)
            for model in models:
                with (model / SINGLE).open("r+b") as file:
                    drop_cache(file.fileno())
            merge_folders(recipe, models, merged, device)

        compiles: Compiles = "once" if is_fused(device) else "never"
        return Work(call, *self.counts(shape), compiles=compiles, cold=False, settles=False)


PROBES = (StreamedMerge("linear"), StreamedMerge("ties"))
