"""Whole training steps, measured and never fitted: what the cost model predicts of them is the test of everything between.

Both follow the usual mixed-precision recipe: bf16 weights and activations, fp32 master weights and Adam moments.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import nn

from profiler.probes import Shape, Work

WARM_UP = 3
"""Steps before one is timed: the first makes the optimiser's moments, and the allocator takes more to settle (measured on two CPU cores:
644, 611, 467 and 450 ms in a row)."""


class MasterAdamW:
    """AdamW on fp32 copies of bf16 weights."""

    def __init__(self, model: nn.Module) -> None:
        self._weights = list(model.parameters())
        self._masters = [nn.Parameter(weight.detach().float()) for weight in self._weights]
        self._adam = torch.optim.AdamW(self._masters, lr=1e-4, fused=True)

    def step(self) -> None:
        for weight, master in zip(self._weights, self._masters, strict=True):
            master.grad = None if weight.grad is None else weight.grad.float()
            weight.grad = None
        self._adam.step()
        with torch.no_grad():
            for weight, master in zip(self._weights, self._masters, strict=True):
                weight.copy_(master)


class RMSNorm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = F.rms_norm(x, (x.shape[-1],), self.weight)
        return normed


class Block(nn.Module):
    """A Llama layer: grouped-query attention with rotary positions, SwiGLU."""

    def __init__(self, hidden: int, heads: int, kv_heads: int, intermediate: int, rotation: torch.Tensor) -> None:
        super().__init__()
        self._heads, self._kv_heads, self._size = heads, kv_heads, hidden // heads
        self._rotation = rotation
        self.norm, self.norm_after = RMSNorm(hidden), RMSNorm(hidden)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.key = nn.Linear(hidden, kv_heads * self._size, bias=False)
        self.value = nn.Linear(hidden, kv_heads * self._size, bias=False)
        self.out = nn.Linear(hidden, hidden, bias=False)
        self.gate, self.up = nn.Linear(hidden, intermediate, bias=False), nn.Linear(hidden, intermediate, bias=False)
        self.down = nn.Linear(intermediate, hidden, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, sequence, hidden = x.shape
        y = self.norm(x)
        query = self._rotated(self.query(y).view(batch, sequence, self._heads, self._size).transpose(1, 2))
        key = self._rotated(self.key(y).view(batch, sequence, self._kv_heads, self._size).transpose(1, 2))
        value = self.value(y).view(batch, sequence, self._kv_heads, self._size).transpose(1, 2)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, sequence, hidden))
        y = self.norm_after(x)
        fed: torch.Tensor = self.down(F.silu(self.gate(y)) * self.up(y))
        return x + fed

    def _rotated(self, x: torch.Tensor) -> torch.Tensor:
        cosine, sine = self._rotation
        first, second = x.chunk(2, dim=-1)
        return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)


class Transformer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        size = shape["hidden"] // shape["heads"]
        angle = torch.outer(torch.arange(shape["sequence"]).float(), 10000.0 ** (-torch.arange(0, size, 2).float() / size))
        rotation = torch.stack((angle.cos(), angle.sin())).bfloat16()
        self.embedding = nn.Embedding(shape["vocabulary"], shape["hidden"])
        layer = (shape["hidden"], shape["heads"], shape["kv_heads"], shape["intermediate"])
        self.layers = nn.ModuleList(Block(*layer, rotation) for _ in range(shape["layers"]))
        self.norm = RMSNorm(shape["hidden"])
        self.head = nn.Linear(shape["hidden"], shape["vocabulary"], bias=False)
        self._rotation = rotation

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x)
        logits: torch.Tensor = self.head(self.norm(x))
        return logits

    def to_device(self, device: torch.device) -> "Transformer":
        """The model in bf16 on a device, its rotary tables with it."""
        moved = self._rotation.to(device)
        for layer in self.layers:
            layer._rotation = moved
        return self.bfloat16().to(device)


class MlpStep:
    name = family = "mlp-step"
    dtype = "bf16"
    measures = "training step of an input–hidden–output MLP: bf16, AdamW with fp32 masters"
    anchor = True

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        scale = 1 if device.type == "cpu" else 4
        small = {"batch": 512 * scale, "inputs": 1024, "hidden": 2048 * scale, "outputs": 1024}
        large = {"batch": 1024 * scale, "inputs": 1024 * scale, "hidden": 3072 * scale, "outputs": 1024 * scale}
        return [small] if quick else [small, large]

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        batch, inputs, hidden, outputs = (shape[name] for name in ("batch", "inputs", "hidden", "outputs"))
        layers = (nn.Linear(inputs, hidden, bias=False), nn.GELU(), nn.Linear(hidden, outputs, bias=False))
        model = nn.Sequential(*layers).bfloat16().to(device)
        x = torch.randn(batch, inputs, device=device).bfloat16()
        target = torch.randn(batch, outputs, device=device).bfloat16()
        flops = 2.0 * batch * (2 * inputs * hidden + 3 * hidden * outputs)
        return Work(_step(model, lambda: F.mse_loss(model(x), target)), 0.0, flops, WARM_UP)


class TransformerStep:
    name = family = "transformer-step"
    dtype = "bf16"
    measures = "training step of a Llama-shaped transformer: bf16, AdamW with fp32 masters"
    anchor = True

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        small = {
            "layers": 4,
            "hidden": 512,
            "intermediate": 1536,
            "heads": 8,
            "kv_heads": 4,
            "vocabulary": 8192,
            "sequence": 512,
            "batch": 2,
        }
        large = small | {"layers": 6, "hidden": 768, "intermediate": 2048, "heads": 12}
        if device.type == "cuda":
            small |= {"layers": 8, "hidden": 2048, "intermediate": 8192, "heads": 16, "vocabulary": 32768, "sequence": 2048, "batch": 4}
            large = small | {"layers": 4, "hidden": 4096, "intermediate": 14336, "heads": 32, "kv_heads": 8}
        return [small] if quick else [small, large]

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        model = Transformer(shape).to_device(device)
        size = (shape["batch"], shape["sequence"] + 1)
        text = torch.randint(0, shape["vocabulary"], size, device=device)

        def loss() -> torch.Tensor:
            logits = model(text[:, :-1])
            return F.cross_entropy(logits.flatten(0, 1).float(), text[:, 1:].flatten())

        tokens = shape["batch"] * shape["sequence"]
        weights = sum(parameter.numel() for parameter in model.parameters()) - model.embedding.weight.numel()
        return Work(_step(model, loss), 0.0, 6.0 * weights * tokens, WARM_UP)


def _step(model: nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    optimiser = MasterAdamW(model)

    def step() -> None:
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


PROBES = (MlpStep(), TransformerStep())
