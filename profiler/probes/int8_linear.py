"""The three products of INT8 mixed-precision training, each on its own, quantisation included, in the layouts that training gives them."""

from pathlib import Path

import torch

from profiler.int8_training import compiling_here, product_here
from profiler.probes import Shape, Work, random_numbers
from profiler.probes.matmul import LAYOUTS, product_shapes
from profiler.products import widened_note
from sim.cost.products import FAMILIES, PRODUCTS, Product

UNFUSED = "INT8 products ran block by block: no compiler here that torch.compile could use, so fused ones would be faster"


class Int8Linear:
    dtype = "int8-mixed"
    anchor = False

    def __init__(self, product: Product) -> None:
        self.name = self.family = FAMILIES["int8-mixed"][product]
        self.measures = f"{product} product of an INT8 mixed-precision linear layer, quantising both bf16 operands included"
        self._product = product
        self._layout = LAYOUTS[product]

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        """None in a quick profile of a GPU, where each is compiled for a second or two: it has plain INT8 products instead."""
        return [] if quick and device.type != "cpu" else product_shapes(device, quick=quick)

    def counts(self, shape: Shape) -> tuple[float, float]:
        m, n, k = shape["m"], shape["n"], shape["k"]
        return 2.0 * (m * k + k * n + m * n), 2.0 * m * n * k

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        m, n, k = shape["m"], shape["n"], shape["k"]
        left, right = self._layout(*(random_numbers(size, torch.bfloat16, device) for size in ((m, k), (k, n))))
        out = torch.empty(m, n, dtype=torch.bfloat16, device=device)
        compiles = compiling_here(device)
        note = UNFUSED if compiles == "never" else widened_note(torch.int8, device)
        return Work(lambda: product_here(left, right, out), *self.counts(shape), note=note, compiles=compiles)


PROBES = tuple(map(Int8Linear, PRODUCTS))
