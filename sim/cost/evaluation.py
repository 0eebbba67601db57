"""What batch evaluation costs: forward passes over many tokens at once, and over images where the model sees.

Text alone never enters a vision model's image tower or cross-attention layers (as its reference implementation skips them), so on text it
costs what its language model costs, and only its memory is larger.
"""

from dataclasses import dataclass

from sim.cost.attention import attention_family, attention_seconds
from sim.cost.calibration import Calibration
from sim.cost.models import ModelShape
from sim.cost.passes import pass_families, passes_seconds
from sim.cost.products import BYTES, product_families
from sim.cost.training import USABLE_MEMORY, dense_precision, linear_seconds
from sim.scenario.workloads import Precision

BATCH_TOKENS = 16384
"""Tokens in one forward pass, where memory allows: enough to keep every product large."""


@dataclass(frozen=True)
class EvaluationCost:
    """Seconds on one GPU for one token of text, and for one image with the text around it."""

    token_s: float
    image_s: float


def evaluation_memory_bytes(shape: ModelShape, precision: Precision, sequence: int, gpus: int) -> float:
    """Bytes on each GPU: its share of the weights, and one sequence's working set."""
    size = BYTES[precision]
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    working = sequence * size * (2 * shape.hidden + query + 2 * key + 2 * shape.intermediate)
    return shape.parameters * size / gpus + working


def evaluation_fits(shape: ModelShape, precision: Precision, sequence: int, gpus: int, memory: float) -> bool:
    """Whether the weights, shared out over `gpus`, and one sequence's working set fit."""
    return evaluation_memory_bytes(shape, precision, sequence, gpus) <= USABLE_MEMORY * memory


def evaluation_cost(shape: ModelShape, precision: Precision, sequence: int, calibration: Calibration) -> EvaluationCost:
    """Forward-pass cost of `shape`; scores need no logits beyond the last layer's, which are counted."""
    dense = dense_precision(precision)
    tokens = max(BATCH_TOKENS // sequence, 1) * sequence
    body, head = shape.text_linears()[:-1], shape.text_linears()[-1:]
    text = linear_seconds(body, tokens, precision, calibration, backward=False)
    text += linear_seconds(head, tokens, dense, calibration, backward=False)
    text += attention_seconds(shape.layers, shape.heads, shape.head_size, tokens, sequence, calibration, dense, training=False)
    text += passes_seconds(shape, tokens, BYTES[precision], calibration, training=False)
    return EvaluationCost(token_s=text / tokens, image_s=_image_seconds(shape, precision, sequence, calibration))


def evaluation_families(calibration: Calibration, precision: Precision) -> tuple[str, ...]:
    """Families an evaluation rests on, in order and without repeats."""
    dense = dense_precision(precision)
    families = (
        *product_families(calibration, precision),
        *product_families(calibration, dense),
        attention_family(calibration, dense, training=False),
        *pass_families(calibration, training=False),
    )
    return tuple(dict.fromkeys(families))


def _image_seconds(shape: ModelShape, precision: Precision, sequence: int, calibration: Calibration) -> float:
    if shape.vision is None:
        return 0.0
    vision = shape.vision
    dense = dense_precision(precision)
    text_side, image_side = shape.cross_linears()
    seconds = linear_seconds(shape.vision_linears(), vision.tokens, precision, calibration, backward=False)
    seconds += linear_seconds(image_side, vision.tokens, precision, calibration, backward=False)
    seconds += linear_seconds(text_side, sequence, precision, calibration, backward=False)
    heads = vision.hidden // 80  # 16 heads of 80 in the published tower
    # Not causal: twice the causal half that attention_seconds counts.
    return seconds + 2 * attention_seconds(vision.layers, heads, 80, vision.tokens, vision.tokens, calibration, dense, training=False)
