"""What causal attention costs: its own measured family where there is one, else its two products at the dense product's rate."""

from sim.cost.calibration import Calibration
from sim.cost.passes import family

FAMILY = "attention"
MOVED = (4, 12)
"""Values read and written for each of a head's, forward alone and with the backward pass: q, k, v, o, and their gradients."""
BACKWARD = 2.5
"""Arithmetic of the backward pass in forward passes: a flash kernel recomputes the scores, so five products to two (arXiv 2307.08691)."""


def attention_flops(heads: float, sequence: float, head: float, *, training: bool) -> float:
    """Two products forward; half of each square is masked and need not be computed."""
    return 2.0 * heads * sequence**2 * head * (1 + BACKWARD if training else 1)


def attention_bytes(heads: float, sequence: float, head: float, size: int, *, training: bool) -> float:
    """Bytes of the operands and results; a fused kernel keeps the scores to itself."""
    return size * MOVED[training] * heads * sequence * head


def attention_family(calibration: Calibration, dense: str, *, training: bool) -> str:
    """The calibration's family that attention rests on: its own; forward, that with the backward pass; or the dense product."""
    wanted = (family(FAMILY, training=training), family(FAMILY, training=True)) if dense == "bf16" else ()
    return next((one for one in wanted if one in calibration.fits), f"matmul-{dense}")


def attention_seconds(
    layers: int, heads: int, head_size: int, tokens: float, sequence: int, calibration: Calibration, dense: str, *, training: bool
) -> float:
    """Seconds of causal attention over `tokens`, forward alone or with the backward pass."""
    fit = calibration.fit(attention_family(calibration, dense, training=training))
    batched = heads * tokens / sequence
    if fit.family.startswith(FAMILY):
        whole = fit.family == family(FAMILY, training=True)
        flops = attention_flops(batched, sequence, head_size, training=whole)
        moved = attention_bytes(batched, sequence, head_size, 2, training=whole)
        seconds = layers * fit.seconds(flops, moved, {"heads": batched, "sequence": float(sequence), "head": float(head_size)})
        return seconds / (1 + BACKWARD) if whole and not training else seconds
    scores = fit.matmul_seconds(sequence, sequence, head_size)
    values = fit.matmul_seconds(sequence, head_size, sequence)
    forward = layers * batched * (scores + values - 2 * fit.overhead_s) / 2
    return forward * (1 + BACKWARD if training else 1)
