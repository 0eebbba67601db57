"""On a GPU: our timer beside Triton's, INT8 products beside bf16 by shape, merges beside the memory's copy."""

from collections.abc import Callable
from pathlib import Path

import torch

from profiler.probes import Work, all_probes, random_numbers
from profiler.timing import time_call
from sim.cost.merge import BYTES_PER_PARAMETER, models_moved
from sim.cost.products import FAMILIES, PRODUCTS
from tests.benchmarks.turns import say

REPEAT_S = 0.1
SQUARES = (1024, 2048, 4096, 8192)
LAYERS = ((4096, 4096, 4096), (4096, 14336, 4096), (16384, 4096, 14336), (512, 4096, 4096))
"""Rows, outputs and inputs of linear layers as wide as Llama 8B's."""
EXPERTS, PARAMETERS = 8, 256_000_000
NOWHERE = Path()
"""What is measured here stores nothing."""


def run() -> None:
    if not torch.cuda.is_available():
        print("gpu: not measured, there is no CUDA device here")
        return
    device = torch.device("cuda")
    print(torch.cuda.get_device_name(device))
    beside_do_bench(device)
    int8_speedups(device)
    merges(device)


def beside_do_bench(device: torch.device) -> None:
    from triton.testing import do_bench

    for size in SQUARES:
        left, right = (random_numbers((size, size), torch.bfloat16, device) for _ in range(2))

        def product(left: torch.Tensor = left, right: torch.Tensor = right) -> torch.Tensor:
            return torch.matmul(left, right)

        theirs_s = do_bench(product, return_mode="median") / 1e3
        say(f"bf16 matmul {size}³: this profiler / do_bench, time", _seconds(product, device) / theirs_s, "0.95 to 1.05")


def int8_speedups(device: torch.device) -> None:
    """A product of each size in the layout of each of a linear layer's, quantisation included, over the same one in bf16."""
    probes = all_probes()
    for m, n, k in LAYERS:
        shape = {"m": m, "n": n, "k": k}
        for product in PRODUCTS:
            bf16_s, int8_s = (
                time_call(probes[FAMILIES[precision][product]].prepare(shape, device, NOWHERE), device, REPEAT_S).median_s
                for precision in ("bf16", "int8-mixed")
            )
            say(f"INT8 {product} {m}×{n}×{k}: bf16 / int8-mixed, time", bf16_s / int8_s, "(as measured)")


def merges(device: torch.device) -> None:
    source, target = (random_numbers(PARAMETERS, torch.bfloat16, device) for _ in range(2))
    copied = 2 * BYTES_PER_PARAMETER * PARAMETERS / _seconds(lambda: target.copy_(source), device)
    print(f"copy {copied / 1e9:.0f} GB/s, of which:")
    seconds: dict[str, float] = {}
    shape = {"experts": EXPERTS, "parameters": PARAMETERS}
    for method in ("linear", "task-arithmetic", "ties", "dare-ties"):
        work = all_probes()[f"merge-{method}"].prepare(shape, device, NOWHERE)
        seconds[method] = time_call(work, device, REPEAT_S).median_s
        share = models_moved(method, EXPERTS) * BYTES_PER_PARAMETER * PARAMETERS / seconds[method] / copied
        say(f"{method}, {EXPERTS} experts: bytes/s / the copy's", share, "≥ 0.8" if method == "linear" else "(none)")
    say("TIES / linear, 8 experts, time", seconds["ties"] / seconds["linear"], "≤ 3")


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    return time_call(Work(call, 0.0, 0.0), device, REPEAT_S).median_s
