"""torchao's own INT8 mixed-precision linear layer, forward and backward: measured beside ours where torchao is installed."""

from pathlib import Path

import torch

from profiler.compiling import allow_variants
from profiler.int8_training import MOST_VARIANTS
from profiler.passes import with_backward
from profiler.probes import Shape, Work, random_numbers
from profiler.probes.matmul import product_shapes


class TorchaoLinear:
    name = family = "int8-torchao"
    dtype = "int8-mixed"
    measures = "torchao's INT8 mixed-precision linear layer, all three products"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        """In a full profile alone: nothing rests on them."""
        return [] if quick else [shape for shape in product_shapes(device, quick=quick) if min(shape.values()) >= 64][:20]

    def counts(self, shape: Shape) -> tuple[float, float]:
        m, n, k = shape["m"], shape["n"], shape["k"]
        return 3 * 2.0 * (m * k + k * n + m * n), 3 * 2.0 * m * n * k

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        try:
            from torchao.prototype.quantized_training import Int8MixedPrecisionTrainingConfig, Int8MixedPrecisionTrainingLinear
        except ImportError:
            raise NotImplementedError("torchao is not installed, or has no quantised training") from None
        m, n, k = shape["m"], shape["n"], shape["k"]
        linear = Int8MixedPrecisionTrainingLinear(k, n, bias=False, config=Int8MixedPrecisionTrainingConfig())
        linear = linear.bfloat16().to(device)
        x = random_numbers((m, k), torch.bfloat16, device).requires_grad_()
        if compiled := device.type == "cuda":
            allow_variants(MOST_VARIANTS)
            linear.compile(dynamic=False)
        run = with_backward(lambda: linear(x), (x, linear.weight))
        return Work(run, *self.counts(shape), warm_up=2, compiles="each" if compiled else "never")


PROBES = (TorchaoLinear(),)
