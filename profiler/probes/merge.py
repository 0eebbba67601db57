"""Merges in device memory: bytes through the α-weighted average, by number of experts and size."""

from itertools import product
from pathlib import Path

import torch

from profiler.merging import merge_linear
from profiler.probes import Shape, Work, random_numbers

MILLION = 1_000_000


class MergeLinear:
    name = family = "merge-linear"
    dtype = "bf16"
    measures = "α-weighted average of k bf16 experts in device memory; (k+1)·P·2 bytes"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        sizes = (12, 20, 32) if quick else (16, 25, 40, 64, 100)
        experts = (2, 4, 8) if quick else (2, 3, 4, 6, 8)
        scale = 1 if device.type == "cpu" else 8
        return [{"experts": k, "parameters": size * scale * MILLION} for k, size in product(experts, sizes)]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return 2.0 * (shape["experts"] + 1) * shape["parameters"], 2.0 * shape["experts"] * shape["parameters"]

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        k, parameters = shape["experts"], shape["parameters"]
        experts = [random_numbers(parameters, torch.bfloat16, device) for _ in range(k)]
        weights = [1.0 / k] * k
        out = torch.empty_like(experts[0])
        return Work(lambda: merge_linear(experts, weights, out), *self.counts(shape))


PROBES = (MergeLinear(),)
