"""What serving a model takes: a prompt's prefill, then a decode step for every further token, shared by the requests that run at once.

A prefill is arithmetic; a decode step reads every weight, and what is cached of every request. While a prompt is prefilled nobody decodes.
A prefill gives the first token of an answer, so that o tokens take f = o − 1 steps more. Of b requests that run at all times, each is
there for b·P + f·D seconds (P a prefill, D a decode step of b): 1 / (P + f·D/b) of them end in a second, and each waits D + (b − 1)·P/f
for a further token. bf16, text alone.
"""

from dataclasses import dataclass, replace

from sim.cost.attention import attention_family, attention_seconds
from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType, all_reduce_seconds
from sim.cost.models import ModelShape
from sim.cost.passes import pass_families, passes_seconds
from sim.cost.products import BYTES, product_families
from sim.cost.training import USABLE_MEMORY, linear_seconds

SIZE = BYTES["bf16"]
MEASURED = ("prefill", "decode")
"""Families of whole stacks; where they were not measured, costs rest on products, attention, passes and the memory's copy."""
REDUCED = 2
"""All-reduces in a layer whose matrices are shared out over GPUs: after attention and after the feed-forward."""
MOST_AT_ONCE = 1 << 16


def _weights(shape: ModelShape) -> tuple[int, int]:
    """Weights that every token passes, and those of the head, which a sequence's last token alone passes."""
    *body, head = shape.text_linears()
    return sum(one.parameters for one in body), head.parameters


def cached_bytes(shape: ModelShape, positions: float) -> float:
    """Bytes of the keys and values of so many positions."""
    return 2.0 * SIZE * shape.layers * shape.kv_heads * shape.head_size * positions


def prefill_counts(shape: ModelShape, batch: float, sequence: float) -> tuple[float, float]:
    """Bytes read and written, and floating-point operations, of one prefill of `batch` prompts."""
    body, head = _weights(shape)
    tokens, width = batch * sequence, shape.heads * shape.head_size
    attention = 2.0 * shape.layers * width * sequence * tokens  # causal: half of two products
    return SIZE * (body + head) + cached_bytes(shape, tokens), 2.0 * (body * tokens + head * batch) + attention


def decode_counts(shape: ModelShape, batch: float, context: float) -> tuple[float, float]:
    """The same of one decode step: a token for each of `batch` sequences, which has `context` positions behind it."""
    body, head = _weights(shape)
    attention = 4.0 * shape.layers * shape.heads * shape.head_size * context * batch
    return SIZE * (body + head) + cached_bytes(shape, context * batch), 2.0 * (body + head) * batch + attention


def serving_families(calibration: Calibration) -> tuple[str, ...]:
    """Families that serving rests on, in order and without repeats."""
    if calibration.fits.keys() >= set(MEASURED):
        return MEASURED
    products, passes = product_families(calibration, "bf16"), pass_families(calibration, training=False)
    return tuple(dict.fromkeys((*products, attention_family(calibration, "bf16", training=False), *passes, "memory-copy")))


def measured_stacks(calibration: Calibration) -> tuple[int, int] | None:
    """Layers of the stacks that were measured, and the width of the widest; None where none were."""
    shapes = [one.shape for one in calibration.measurements if one.family in MEASURED]
    return (max(shape["layers"] for shape in shapes), max(shape["hidden"] for shape in shapes)) if shapes else None


@dataclass(frozen=True)
class Replica:
    """One copy of a model, its matrices and its cache shared out over `gpus` of a node type (tensor parallelism, Shoeybi et al., arXiv
    1909.08053), which must divide its heads of keys and values."""

    shape: ModelShape
    gpus: int
    node: NodeType
    calibration: Calibration

    @property
    def share(self) -> ModelShape:
        """What each GPU has of it."""
        whole, g = self.shape, self.gpus
        return replace(
            whole,
            heads=whole.heads // g,
            kv_heads=whole.kv_heads // g,
            intermediate=whole.intermediate // g,
            vocabulary=-(-whole.vocabulary // g),
        )

    def memory_bytes(self, at_once: int, positions: int) -> float:
        """Bytes on each GPU: its share of the weights, of what is cached of `at_once` requests of so many positions, and room to prefill
        one of them."""
        working = positions * SIZE * (2 * self.shape.hidden + 2 * self.share.intermediate)
        return (self.shape.parameters * SIZE + cached_bytes(self.shape, at_once * positions)) / self.gpus + working

    def most_at_once(self, positions: int) -> int:
        """Requests of so many positions that there is memory for; 0 where not even one fits."""
        room = USABLE_MEMORY * self.calibration.device.memory_bytes - self.memory_bytes(0, positions)
        return min(max(int(room * self.gpus / cached_bytes(self.shape, positions)), 0), MOST_AT_ONCE)

    def prefill_seconds(self, prompt: int) -> float:
        """Seconds until a prompt's first token is there, if it waits for nobody."""
        return self._reduced(prompt) + (self._prefilled(prompt) if self._stacks else self._prefilled_by_parts(prompt))

    def decode_seconds(self, at_once: int, context: float) -> float:
        """Seconds of one step for `at_once` requests."""
        return self._reduced(at_once) + (self._decoded(at_once, context) if self._stacks else self._decoded_by_parts(at_once, context))

    @property
    def _stacks(self) -> bool:
        return serving_families(self.calibration) == MEASURED

    def _reduced(self, tokens: float) -> float:
        """Seconds of the all-reduces."""
        return REDUCED * self.shape.layers * all_reduce_seconds(SIZE * tokens * self.shape.hidden, self.gpus, self.node)

    def _stacked(self, family: str, counts: tuple[float, float], sizes: dict[str, float]) -> float:
        """Seconds by a family of measured stacks, each of whose layers has its part of the overhead."""
        fit, (moved, flops) = self.calibration.fit(family), counts
        stacks = measured_stacks(self.calibration)
        return fit.seconds(flops, moved, sizes) + fit.overhead_s * (self.shape.layers / stacks[0] - 1 if stacks else 0.0)

    def _prefilled(self, prompt: int) -> float:
        sizes = {"hidden": float(self.shape.hidden), "tokens": float(prompt)}
        return self._stacked("prefill", prefill_counts(self.share, 1, prompt), sizes)

    def _decoded(self, at_once: int, context: float) -> float:
        sizes = {"hidden": float(self.shape.hidden), "batch": float(at_once), "context": context}
        return self._stacked("decode", decode_counts(self.share, at_once, context), sizes)

    def _prefilled_by_parts(self, prompt: int) -> float:
        share, calibration = self.share, self.calibration
        attended = attention_seconds(share.layers, share.heads, share.head_size, prompt, prompt, calibration, "bf16", training=False)
        return self._tokens(prompt, 1) + attended

    def _decoded_by_parts(self, at_once: int, context: float) -> float:
        """Attention of one position is a pass over the cache."""
        cached = cached_bytes(self.share, context * at_once) / self.share.layers
        return self._tokens(at_once, at_once) + self.share.layers * self.calibration.fit("memory-copy").bytes_seconds(cached)

    def _tokens(self, tokens: int, last: int) -> float:
        """Products and passes over `tokens`, of which the `last` ones alone have logits."""
        *body, head = self.share.text_linears()
        seconds = linear_seconds(body, tokens, "bf16", self.calibration, backward=False)
        seconds += linear_seconds((head,), last, "bf16", self.calibration, backward=False)
        return seconds + passes_seconds(replace(self.share, vocabulary=1), tokens, SIZE, self.calibration, training=False)


@dataclass(frozen=True)
class ServingCost:
    """A replica in a steady stream of `at_once` requests of `output` tokens each: seconds of a prefill and of a decode step."""

    prefill_s: float
    decode_s: float
    at_once: int
    output: int

    @property
    def token_s(self) -> float | None:
        """Seconds a further token takes, others' prefills included; None where there is none."""
        further = self.output - 1
        return self.decode_s + (self.at_once - 1) * self.prefill_s / further if further else None

    @property
    def requests_per_s(self) -> float:
        return 1 / (self.prefill_s + (self.output - 1) * self.decode_s / self.at_once)


def serving_cost(replica: Replica, prompt: int, output: int, at_once: int) -> ServingCost:
    """With half of the output behind a request, as is on average."""
    return ServingCost(replica.prefill_seconds(prompt), replica.decode_seconds(at_once, prompt + output / 2), at_once, output)


def most_within(replica: Replica, prompt: int, output: int, token_s: float | None) -> int:
    """The most requests at once that memory holds and that each get a further token within `token_s`; 0 where not even one does."""
    low, high = 0, replica.most_at_once(prompt + output)
    if token_s is None:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if (serving_cost(replica, prompt, output, middle).token_s or 0.0) <= token_s:
            low = middle
        else:
            high = middle - 1
    return low
