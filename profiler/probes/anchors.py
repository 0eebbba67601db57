"""Whole training steps, measured and never fitted: what the cost model predicts of them is the test of everything between.

All follow the usual mixed-precision recipe: bf16 weights and activations, fp32 master weights and Adam moments.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import nn

from profiler.int8_training import compiling_here, training_linear
from profiler.llama import Transformer, token_loss
from profiler.master_adamw import MasterAdamW
from profiler.probes import Shape, Work
from sim.scenario.workloads import Precision

WARM_UP = 2
"""Steps before one is timed: the first makes the optimiser's moments."""


def _llama(layers: int, hidden: int, intermediate: int, heads: int, kv_heads: int, vocabulary: int, sequence: int, batch: int) -> Shape:
    return {
        "layers": layers,
        "hidden": hidden,
        "intermediate": intermediate,
        "heads": heads,
        "kv_heads": kv_heads,
        "vocabulary": vocabulary,
        "sequence": sequence,
        "batch": batch,
    }


LLAMAS = {
    "cpu": (
        _llama(2, 384, 1024, 6, 2, 4096, 256, 2),
        _llama(4, 512, 1536, 8, 4, 8192, 512, 2),
        _llama(3, 768, 2048, 12, 4, 8192, 512, 2),
        _llama(2, 1024, 2816, 16, 8, 16384, 384, 2),
    ),
    "cuda": (
        _llama(4, 1024, 4096, 16, 8, 32768, 2048, 8),
        _llama(8, 2048, 8192, 16, 4, 32768, 2048, 4),
        _llama(2, 8192, 28672, 64, 8, 32768, 4096, 1),
        _llama(4, 4096, 14336, 32, 8, 32768, 2048, 4),
    ),
}
"""Small models on a CPU; layers as wide as those of Llama 1B, 70B and 8B on a GPU. The first ones alone in a quick profile."""


class MlpStep:
    name = family = "mlp-step"
    dtype = "bf16"
    measures = "training step of an input–hidden–output MLP: bf16, AdamW with fp32 masters"
    anchor = True

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        scale = 1 if device.type == "cpu" else 4
        wide = {"batch": 256 * scale, "inputs": 768, "hidden": 4096 * scale, "outputs": 512}
        medium = {"batch": 512 * scale, "inputs": 1024, "hidden": 2048 * scale, "outputs": 1024}
        large = {"batch": 1024 * scale, "inputs": 1024 * scale, "hidden": 3072 * scale, "outputs": 1024 * scale}
        return [wide] if quick else [wide, medium, large]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return 0.0, 2.0 * shape["batch"] * shape["hidden"] * (2 * shape["inputs"] + 3 * shape["outputs"])

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        batch, inputs, hidden, outputs = (shape[name] for name in ("batch", "inputs", "hidden", "outputs"))
        linear = training_linear("bf16", device)
        with device:
            layers = (linear(inputs, hidden, bias=False), nn.GELU(), linear(hidden, outputs, bias=False))
        model = nn.Sequential(*layers).bfloat16()
        x = torch.randn(batch, inputs, device=device).bfloat16()
        target = torch.randn(batch, outputs, device=device).bfloat16()
        return Work(_step(model, lambda: F.mse_loss(model(x), target)), *self.counts(shape), WARM_UP, cold=False)


class TransformerStep:
    anchor = True

    def __init__(self, name: str, precision: Precision) -> None:
        self.name = self.family = name
        self.dtype: str = precision
        self.measures = f"training step of a Llama-shaped transformer: {precision}, AdamW with fp32 masters"
        self._precision = precision

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        """Of a GPU in INT8 the first two, and none in a quick profile: each layer's three products are compiled, half a minute a model."""
        compiled = device.type != "cpu" and self._precision == "int8-mixed"
        most = (0 if quick else 2) if compiled else 2 if quick else None
        return [dict(shape) for shape in LLAMAS[device.type][:most]]

    def counts(self, shape: Shape) -> tuple[float, float]:
        """Arithmetic of linear layers alone: six FLOPs a weight and token."""
        hidden, kv = shape["hidden"], shape["hidden"] * shape["kv_heads"] // shape["heads"]
        layer = 2 * hidden * (hidden + kv) + 3 * hidden * shape["intermediate"]
        return 0.0, 6.0 * (shape["layers"] * layer + hidden * shape["vocabulary"]) * shape["batch"] * shape["sequence"]

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        model = Transformer(shape, device, precision=self._precision)
        text = torch.randint(0, shape["vocabulary"], (shape["batch"], shape["sequence"] + 1), device=device)

        def loss() -> torch.Tensor:
            return token_loss(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())

        compiles = compiling_here(device) if self._precision == "int8-mixed" else "never"
        warm_up = WARM_UP - (compiles != "never")  # the step that compiles makes the moments, too
        return Work(_step(model, loss), *self.counts(shape), warm_up, compiles=compiles, cold=False)


def _step(model: nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    optimiser = MasterAdamW(model.parameters())

    def step() -> None:
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


PROBES = (MlpStep(), TransformerStep("transformer-step", "bf16"), TransformerStep("transformer-step-int8", "int8-mixed"))
