"""What a transformer does besides products and attention: norms, rotary positions, SwiGLU's gate, residuals, copies, the loss.

Each is a pass over memory. Its bytes are counted once, as the fewest that it must move, here and by the probe that measures it: a family's
bandwidth then holds whatever a device does beyond that (eager kernels pass several times). Where a calibration lacks one of the families,
all passes go at the memory copy's rate, as if each were one fused kernel.
"""

from typing import Literal

from sim.cost.calibration import Calibration
from sim.cost.models import ModelShape

Pass = Literal["norm", "gate", "rotary", "loss"]
OPERATIONS: tuple[Pass, ...] = ("norm", "gate", "rotary", "loss")
MOVED: dict[Pass, tuple[int, int]] = {"norm": (2, 5), "gate": (3, 8), "rotary": (2, 4)}
"""Values read and written for each value of the operation's width: forward alone, and with the backward pass."""
LOSS_BYTES = (4, 8)
"""Bytes an element of the logits, besides their own reads: cross-entropy is taken in fp32."""
ADDITION = 3
"""Two values read and one written."""
COPY = 2
TRAINING = "-training"
"""What the family of an operation's forward and backward pass is called after that of its forward pass."""


def family(operation: str, *, training: bool) -> str:
    """The family of an operation, forward alone or with its backward pass."""
    return operation + TRAINING if training else operation


def pass_bytes(operation: Pass, tokens: float, width: float, size: int, *, training: bool) -> float:
    """The fewest bytes that an operation on (tokens × width) values of `size` bytes moves."""
    if operation == "loss":
        return tokens * width * ((2 * size if training else size) + LOSS_BYTES[training])
    return size * tokens * width * MOVED[operation][training]


def elementwise_bytes(shape: ModelShape, tokens: float, size: int) -> float:
    """Bytes that norms, rotary embeddings, SwiGLU, residuals and the loss move in a forward pass, each a fused kernel."""
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    layer = 4 * shape.hidden + 6 * shape.hidden + 2 * (query + key) + 3 * shape.intermediate
    loss = 2 * shape.vocabulary * (size + 4) / size
    return size * tokens * (shape.layers * layer + loss)


def _operations(*, training: bool) -> tuple[str, ...]:
    return ("elementwise", *(family(one, training=training) for one in OPERATIONS))


def pass_families(calibration: Calibration, *, training: bool) -> tuple[str, ...]:
    """The calibration's families that the passes rest on: their own; forward, those with the backward pass; or the memory copy."""
    wanted = (_operations(training=training), _operations(training=True))
    return next((one for one in wanted if set(one) <= calibration.fits.keys()), ("memory-copy",))


def passes_seconds(shape: ModelShape, tokens: float, size: int, calibration: Calibration, *, training: bool) -> float:
    """Seconds of every pass over `tokens`, forward alone or with the backward pass."""
    families = pass_families(calibration, training=training)
    if families == ("memory-copy",):
        traffic = elementwise_bytes(shape, tokens, size) * (3 if training else 1)
        return calibration.fit("memory-copy").bytes_seconds(traffic)

    # Where only the whole was measured, forward takes its share of the bytes at the same rate.
    whole = families == _operations(training=True)

    def seconds(operation: Pass, width: float) -> float:
        moved = pass_bytes(operation, tokens, width, size, training=training)
        measured = pass_bytes(operation, tokens, width, size, training=whole)
        return calibration.fit(family(operation, training=whole)).bytes_seconds(measured) * moved / measured

    elementwise = calibration.fit("elementwise")
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    # Residuals; backward, gradients that meet: at both residuals, three at the attention's input, two at the feed-forward's.
    additions = 7 if training else 2
    # Heads become one row again after attention; backward, the gradients of query, key and value do.
    copied = COPY * (2 * query + 2 * key if training else query)
    layer = (
        2 * seconds("norm", shape.hidden)
        + seconds("rotary", query)
        + seconds("rotary", key)
        + seconds("gate", shape.intermediate)
        + additions * elementwise.bytes_seconds(size * tokens * ADDITION * shape.hidden)
        + elementwise.bytes_seconds(size * tokens * copied)
    )
    # Rows of the embedding are copied out; backward, its whole gradient is cleared and the rows' are added.
    embedding = size * shape.hidden * (COPY * tokens + (shape.vocabulary + ADDITION * tokens if training else 0))
    return shape.layers * layer + seconds("norm", shape.hidden) + seconds("loss", shape.vocabulary) + elementwise.bytes_seconds(embedding)
