"""A Llama-shaped transformer, as plainly as torch writes it: what whole training steps, prefills and decodes are measured on."""

import torch
import torch.nn.functional as F  # noqa: N812  torch's own name for it
from torch import nn

from profiler.int8_training import training_linear
from profiler.probes import Shape
from profiler.products import attention
from sim.scenario.workloads import Precision


def rotary_table(positions: int, head: int) -> torch.Tensor:
    """Cosines and sines of every position and pair of a head's values, in bf16: (2, positions, head/2)."""
    angle = torch.outer(torch.arange(positions).float(), 10000.0 ** (-torch.arange(0, head, 2).float() / head))
    return torch.stack((angle.cos(), angle.sin())).bfloat16()


def rotated(x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Queries or keys (batch, heads, positions, head) turned by their positions."""
    cosine, sine = table
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1)


def token_loss(logits: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in fp32 of (tokens, vocabulary) logits."""
    return F.cross_entropy(logits.float(), wanted)


def attended(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Causal attention of (batch, heads, positions, head) queries over fewer heads of keys and values, the last positions of which are
    theirs. One position's queries that share a head of keys go as rows of one product, so that the keys are read once (measured on two
    Zen 5 cores, three to a head over 1024 positions: an eighth of the time)."""
    if query.shape[2] > 1:
        return attention(query, key, value)
    batch, _, _, size = query.shape
    return F.scaled_dot_product_attention(query.view(batch, key.shape[1], -1, size), key, value).reshape(query.shape)


class Cache:
    """Keys and values of each of `layers`: (batch, kv heads, positions, head); the caller counts those `filled`."""

    def __init__(self, layers: int, batch: int, kv_heads: int, positions: int, head: int, device: torch.device) -> None:
        size = (2, batch, kv_heads, positions, head)
        self._layers = [torch.zeros(size, dtype=torch.bfloat16, device=device) for _ in range(layers)]
        self.filled = 0

    def fill_random(self) -> None:
        """Random keys and values everywhere, as a measurement wants them."""
        for held in self._layers:
            held.normal_()

    def extended(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What a layer has attended to so far, with these new positions."""
        held, end = self._layers[layer], self.filled + key.shape[2]
        held[0, :, :, self.filled : end], held[1, :, :, self.filled : end] = key, value
        return held[0, :, :, :end], held[1, :, :, :end]


class RMSNorm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight)


class Block(nn.Module):
    """A layer: grouped-query attention with rotary positions, SwiGLU."""

    def __init__(self, number: int, hidden: int, heads: int, kv_heads: int, intermediate: int, linear: type[nn.Linear]) -> None:
        super().__init__()
        self._number, self._heads, self._kv_heads, self._size = number, heads, kv_heads, hidden // heads
        self.norm, self.norm_after = RMSNorm(hidden), RMSNorm(hidden)
        self.query = linear(hidden, hidden, bias=False)
        self.key = linear(hidden, kv_heads * self._size, bias=False)
        self.value = linear(hidden, kv_heads * self._size, bias=False)
        self.out = linear(hidden, hidden, bias=False)
        self.gate, self.up = linear(hidden, intermediate, bias=False), linear(hidden, intermediate, bias=False)
        self.down = linear(intermediate, hidden, bias=False)

    def forward(self, x: torch.Tensor, table: torch.Tensor, cache: Cache | None) -> torch.Tensor:
        batch, sequence, hidden = x.shape
        y = self.norm(x)
        query = rotated(self.query(y).view(batch, sequence, self._heads, self._size).transpose(1, 2), table)
        key = rotated(self.key(y).view(batch, sequence, self._kv_heads, self._size).transpose(1, 2), table)
        value = self.value(y).view(batch, sequence, self._kv_heads, self._size).transpose(1, 2)
        if cache is not None:
            key, value = cache.extended(self._number, key, value)
        x = x + self.out(attended(query, key, value).transpose(1, 2).reshape(batch, sequence, hidden))
        y = self.norm_after(x)
        fed: torch.Tensor = self.down(F.silu(self.gate(y)) * self.up(y))
        return x + fed


class Transformer(nn.Module):
    """In bf16 on `device`; in ``int8-mixed`` every linear layer but the head multiplies in INT8."""

    def __init__(self, shape: Shape, device: torch.device, *, precision: Precision = "bf16", positions: int | None = None) -> None:
        """`positions` that the rotary table knows: the shape's sequence where none are given."""
        super().__init__()
        linear = training_linear(precision, device)
        layer = (shape["hidden"], shape["heads"], shape["kv_heads"], shape["intermediate"])
        with device:  # random weights are drawn there: a host takes seconds for each billion, a GPU milliseconds
            self.embedding = nn.Embedding(shape["vocabulary"], shape["hidden"])
            self.layers = nn.ModuleList(Block(number, *layer, linear) for number in range(shape["layers"]))
            self.norm = RMSNorm(shape["hidden"])
            self.head = training_linear("bf16", device)(shape["hidden"], shape["vocabulary"], bias=False)
        self.bfloat16()
        self._table = rotary_table(positions or shape["sequence"], shape["hidden"] // shape["heads"]).to(device)

    def forward(self, tokens: torch.Tensor, cache: Cache | None = None) -> torch.Tensor:
        """Logits of (batch, sequence) tokens; with a cache, those of each sequence's last token alone, after the positions it holds."""
        x = self.embedding(tokens)
        start = cache.filled if cache is not None else 0
        table = self._table[:, start : start + tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, table, cache)
        logits: torch.Tensor = self.head(self.norm(x if cache is None else x[:, -1:]))
        return logits
