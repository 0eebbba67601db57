"""Model shapes: from a name in a scenario to the matrices that its tokens pass through.

Parameter counts are computed from the shapes, so that FLOPs, bytes and counts never disagree. All shapes are decoder-only transformers
with grouped-query attention and SwiGLU; `vision` adds an image encoder and cross-attention layers that text alone never enters.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sim.scenario.errors import InputError
from sim.scenario.nearest import nearest


@dataclass(frozen=True)
class Linear:
    """`count` matrices of (inputs × outputs) that each token passes."""

    inputs: int
    outputs: int
    count: int = 1

    @property
    def parameters(self) -> int:
        return self.inputs * self.outputs * self.count


@dataclass(frozen=True)
class Vision:
    """An image tower: `tokens` patches an image through `layers` of width `hidden`, then into `cross_layers` of the language model."""

    tokens: int
    layers: int
    hidden: int
    intermediate: int
    projected_from: int
    cross_layers: int


@dataclass(frozen=True)
class ModelShape:
    """A transformer's shape; `source` says where it was published, or what was assumed."""

    name: str
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    vocabulary: int
    source: str
    head_size: int = 128
    tied: bool = False
    vision: Vision | None = None

    def _attention(self, layers: int) -> tuple[Linear, ...]:
        query, key = self.heads * self.head_size, self.kv_heads * self.head_size
        return (
            Linear(self.hidden, query, layers),
            Linear(self.hidden, key, 2 * layers),
            Linear(query, self.hidden, layers),
        )

    def _feed_forward(self, layers: int) -> tuple[Linear, ...]:
        return (Linear(self.hidden, self.intermediate, 2 * layers), Linear(self.intermediate, self.hidden, layers))

    @property
    def tensors(self) -> int:
        """That its files hold: matrices, the embedding where it is not the head, norms."""
        text_side, image_side = self.cross_linears()
        matrices = sum(linear.count for linear in (*self.text_linears(), *text_side, *image_side, *self.vision_linears()))
        return matrices + (not self.tied) + 2 * self.layers + 1

    def text_linears(self) -> tuple[Linear, ...]:
        """What a token of text passes, the output head included."""
        return (*self._attention(self.layers), *self._feed_forward(self.layers), Linear(self.hidden, self.vocabulary))

    def cross_linears(self) -> tuple[tuple[Linear, ...], tuple[Linear, ...]]:
        """With images, what each text token passes besides, and what each image token passes there."""
        if self.vision is None:
            return (), ()
        (
            query,
            key,
            _,
        ) = self._attention(self.vision.cross_layers)
        back = Linear(query.outputs, self.hidden, query.count)
        return (query, back, *self._feed_forward(self.vision.cross_layers)), (key,)

    def vision_linears(self) -> tuple[Linear, ...]:
        """What each image token passes in the image tower and its projector."""
        if self.vision is None:
            return ()
        v = self.vision
        tower = (
            Linear(v.hidden, v.hidden, 4 * v.layers),
            Linear(v.hidden, v.intermediate, v.layers),
            Linear(v.intermediate, v.hidden, v.layers),
        )
        return (*tower, Linear(v.projected_from, self.hidden))

    @property
    def parameters(self) -> int:
        """All weights: linear layers, embedding (once where tied), norms."""
        text_side, image_side = self.cross_linears()
        linears = (*self.text_linears(), *text_side, *image_side, *self.vision_linears())
        embedding = 0 if self.tied else self.vocabulary * self.hidden
        return sum(linear.parameters for linear in linears) + embedding + (2 * self.layers + 1) * self.hidden


_LLAMA_31 = "arXiv 2407.21783, table 3"
_PALM = "assumption: PaLM-2's shapes are unpublished (arXiv 2410.03617 gives sizes only); a Llama-3-like shape of that size"

_SHAPES = (
    ModelShape("llama-3.1-8b", 32, 4096, 14336, 32, 8, 128256, _LLAMA_31),
    ModelShape("llama-3.1-70b", 80, 8192, 28672, 64, 8, 128256, _LLAMA_31),
    ModelShape("llama-3.1-405b", 126, 16384, 53248, 128, 8, 128256, _LLAMA_31),
    ModelShape(
        "llama-3.2-11b-vision", 32, 4096, 14336, 32, 8, 128256,
        "meta-llama/Llama-3.2-11B-Vision config.json; 4 tiles of 1601 patches an image",
        vision=Vision(tokens=4 * 1601, layers=40, hidden=1280, intermediate=5120, projected_from=7680, cross_layers=8),
    ),
    ModelShape("llama-3.2-1b", 16, 2048, 8192, 32, 8, 128256, "meta-llama/Llama-3.2-1B config.json", head_size=64, tied=True),
    ModelShape("llama-3.2-3b", 28, 3072, 8192, 24, 8, 128256, "meta-llama/Llama-3.2-3B config.json", tied=True),
    ModelShape("tinyllama-1.1b", 22, 2048, 5632, 32, 4, 32000, "TinyLlama/TinyLlama-1.1B config.json", head_size=64),
    ModelShape("smollm2-135m", 30, 576, 1536, 9, 3, 49152, "HuggingFaceTB/SmolLM2-135M config.json", head_size=64, tied=True),
    ModelShape("smollm2-360m", 32, 960, 2560, 15, 5, 49152, "HuggingFaceTB/SmolLM2-360M config.json", head_size=64, tied=True),
    ModelShape("smollm2-1.7b", 24, 2048, 8192, 32, 32, 49152, "HuggingFaceTB/SmolLM2-1.7B config.json", head_size=64, tied=True),
    ModelShape("palm-2-like-1b", 16, 2048, 8192, 16, 8, 128256, _PALM, tied=True),
    ModelShape("palm-2-like-8b", 32, 4096, 14336, 32, 8, 128256, _PALM),
    ModelShape("palm-2-like-24b", 46, 6144, 21504, 48, 8, 128256, _PALM),
    ModelShape("palm-2-like-64b", 72, 8192, 28672, 64, 8, 128256, _PALM),
)  # fmt: skip


def measured_model(sizes: Mapping[str, int]) -> ModelShape:
    """The transformer that a measured shape's sizes describe."""
    names = ("layers", "hidden", "intermediate", "heads", "kv_heads", "vocabulary")
    layers, hidden, intermediate, heads, kv_heads, vocabulary = (sizes[name] for name in names)
    return ModelShape("measured", layers, hidden, intermediate, heads, kv_heads, vocabulary, "measured here", head_size=hidden // heads)


CATALOGUE = {shape.name: shape for shape in _SHAPES}


def model_shape(name: str) -> ModelShape:
    """The catalogue's shape of this name; InputError with the nearest known one."""
    if name not in CATALOGUE:
        raise InputError.of(f"found model {name!r}, which is not in the catalogue; {nearest(name, list(CATALOGUE))}")
    return CATALOGUE[name]


def training_flops(shape: ModelShape, tokens: float) -> float:
    """6·N·D: the arithmetic of training `shape` on `tokens`, forward and backward, without attention (Kaplan et al., arXiv 2001.08361)."""
    return 6.0 * shape.parameters * tokens
