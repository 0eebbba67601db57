"""What a training step costs: every matrix product at its measured rate, memory traffic, and what the network adds.

A GPU sees `tokens_per_gpu` tokens between optimiser steps, in micro-batches. Of the layouts that fit its memory (replicas or fully sharded,
activations kept or recomputed, micro-batch size) the fastest is taken, as a practitioner would. Overlapped communication is free as far as
the backward pass covers it. Sources: mixed-precision Adam's 16 bytes a parameter and the sharded variants, ZeRO (arXiv 1910.02054);
INT8 products forward and backward, torchao's `quantized_training` (published: no change in peak memory).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

from sim.cost.attention import attention_family, attention_seconds
from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType, all_gather_seconds, all_reduce_seconds
from sim.cost.models import Linear, ModelShape
from sim.cost.passes import pass_families, passes_seconds
from sim.cost.products import BYTES, PRODUCTS, product_families, product_seconds
from sim.scenario.workloads import Precision

WEIGHT_BYTES, GRADIENT_BYTES, OPTIMISER_BYTES = 2, 2, 12
"""Per parameter: bf16 weight, bf16 gradient, and fp32 master weight and two Adam moments. fp32 training: 4, 4 and 8."""
STATE_BYTES = WEIGHT_BYTES + GRADIENT_BYTES + OPTIMISER_BYTES
OPTIMISER_TRAFFIC = 28
"""Bytes an AdamW step moves per parameter: gradient in, master and moments in and out, weight out."""
USABLE_MEMORY = 0.92
"""Share of a device's memory that tensors can have; the rest is context, workspaces and fragmentation."""
MAX_GPUS = 1 << 17


@dataclass(frozen=True)
class TrainingJob:
    """What is trained, how, and on how many GPUs."""

    shape: ModelShape
    precision: Precision
    gpus: int
    sequence: int
    tokens_per_gpu: int


@dataclass(frozen=True)
class Layout:
    """How a step is laid out; `micro_tokens` is a GPU's tokens in one forward and backward pass."""

    sharding: Literal["replicated", "sharded"]
    recompute: bool
    micro_tokens: int


@dataclass(frozen=True)
class StepCost:
    """Seconds of one optimiser step by term, and the bytes a GPU holds during it."""

    layout: Layout
    linear_s: float
    attention_s: float
    traffic_s: float
    optimiser_s: float
    network_s: float
    memory_bytes: float

    @cached_property
    def seconds(self) -> float:
        return self.linear_s + self.attention_s + self.traffic_s + self.optimiser_s + self.network_s


def linear_seconds(linears: Iterable[Linear], tokens: float, precision: Precision, calibration: Calibration, *, backward: bool) -> float:
    """Seconds of these layers over `tokens`: the output, and with `backward` the gradients of input and weight."""
    total = 0.0
    for linear in linears:
        k, n = linear.inputs, linear.outputs
        seconds = product_seconds(calibration, precision, tokens, n, k)
        if backward:
            seconds += product_seconds(calibration, precision, tokens, k, n, "grad-input")
            seconds += product_seconds(calibration, precision, n, k, tokens, "grad-weight")
        total += linear.count * seconds
    return total


def dense_precision(precision: Precision) -> Literal["fp32", "bf16"]:
    """What is not quantised runs in bf16."""
    return "fp32" if precision == "fp32" else "bf16"


def optimiser_family(calibration: Calibration) -> str:
    """The calibration's family that an AdamW step rests on."""
    return "adamw" if "adamw" in calibration.fits else "memory-copy"


def training_families(calibration: Calibration, precision: Precision) -> tuple[str, ...]:
    """Families a step rests on, in order and without repeats."""
    dense = dense_precision(precision)
    families = (
        *product_families(calibration, precision, PRODUCTS),
        *product_families(calibration, dense, PRODUCTS),
        *(attention_family(calibration, dense, training=training) for training in (True, False)),
        *(family for training in (True, False) for family in pass_families(calibration, training=training)),
        optimiser_family(calibration),
    )
    return tuple(dict.fromkeys(families))


def memory_bytes(job: TrainingJob, layout: Layout) -> float:
    """Bytes on each GPU: states (shared out where sharded), saved activations, logits, and one unsharded layer in flight."""
    shape, size = job.shape, BYTES[job.precision]
    states = float(shape.parameters * STATE_BYTES)
    if layout.sharding == "sharded":
        largest = max(shape.parameters / (shape.layers + 2), shape.vocabulary * shape.hidden)
        states = states / job.gpus + 2 * (2 * size) * largest  # weights and gradients of this layer and the next
    query, key = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    layer = size * (3 * shape.hidden + 2 * query + 2 * key + 3 * shape.intermediate)
    saved = shape.layers * size * shape.hidden + layer if layout.recompute else shape.layers * layer
    return states + layout.micro_tokens * (saved + shape.vocabulary * (size + 4))


def layouts(job: TrainingJob) -> Iterator[Layout]:
    """Every layout worth trying: micro-batches of whole sequences, down to one."""
    sequences = job.tokens_per_gpu // job.sequence
    whole = [job.sequence * count for count in range(sequences - 1, 0, -1) if sequences % count == 0]
    sizes = [job.tokens_per_gpu, *whole]
    shardings: tuple[Literal["replicated", "sharded"], ...] = ("replicated", "sharded") if job.gpus > 1 else ("replicated",)
    for sharding, recompute, size in product(shardings, (False, True), sizes):
        yield Layout(sharding, recompute, size)


def fits(job: TrainingJob, memory: float) -> list[Layout]:
    """Layouts that a device of this memory holds."""
    return [layout for layout in layouts(job) if memory_bytes(job, layout) <= USABLE_MEMORY * memory]


def least_gpus(job: TrainingJob, memory: float) -> int | None:
    """The fewest GPUs of this memory on which the model trains; None where none up to MAX_GPUS would do."""

    def enough(gpus: int) -> bool:
        return bool(fits(TrainingJob(job.shape, job.precision, gpus, job.sequence, job.tokens_per_gpu), memory))

    few, many = 0, 1
    while not enough(many):
        few, many = many, 2 * many
        if many > MAX_GPUS:
            return None
    while many - few > 1:  # sharding over more GPUs never takes more memory on each
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def step_cost(job: TrainingJob, calibration: Calibration, node_type: NodeType) -> StepCost | None:
    """The fastest step that fits, or None where no layout fits."""
    candidates = fits(job, calibration.device.memory_bytes)
    costs = [_layout_cost(job, layout, calibration, node_type) for layout in candidates]
    return min(costs, key=lambda cost: cost.seconds, default=None)


def _layout_cost(job: TrainingJob, layout: Layout, calibration: Calibration, node_type: NodeType) -> StepCost:
    shape, tokens = job.shape, layout.micro_tokens
    rounds = job.tokens_per_gpu / tokens
    dense = dense_precision(job.precision)
    # The output head stays dense: quantising it costs quality, and torchao leaves it alone.
    body, head = shape.text_linears()[:-1], shape.text_linears()[-1:]

    def attention(*, training: bool) -> float:
        return attention_seconds(shape.layers, shape.heads, shape.head_size, tokens, job.sequence, calibration, dense, training=training)

    linear = linear_seconds(body, tokens, job.precision, calibration, backward=True)
    linear += linear_seconds(head, tokens, dense, calibration, backward=True)
    attended = attention(training=True)
    traffic = passes_seconds(shape, tokens, BYTES[job.precision], calibration, training=True)
    if layout.recompute:
        linear += linear_seconds(body, tokens, job.precision, calibration, backward=False)
        attended += attention(training=False)
        traffic += passes_seconds(shape, tokens, BYTES[job.precision], calibration, training=False)
    linear_s, attention_s = rounds * linear, rounds * attended
    owned = shape.parameters / job.gpus if layout.sharding == "sharded" else shape.parameters
    backward_s = 2 / 3 * (linear_s + attention_s)
    return StepCost(
        layout=layout,
        linear_s=linear_s,
        attention_s=attention_s,
        traffic_s=rounds * traffic,
        optimiser_s=calibration.fit(optimiser_family(calibration)).bytes_seconds(OPTIMISER_TRAFFIC * owned),
        network_s=max(0.0, _network_seconds(job, layout, rounds, node_type) - backward_s),
        memory_bytes=memory_bytes(job, layout),
    )


def _network_seconds(job: TrainingJob, layout: Layout, rounds: float, node_type: NodeType) -> float:
    gradients = float(job.shape.parameters * BYTES[job.precision])  # as large as the weights
    if layout.sharding == "replicated":
        return all_reduce_seconds(gradients, job.gpus, node_type)
    # Weights gathered for the forward and again for the backward pass, gradients scattered: three passes a micro-batch.
    return rounds * 3 * all_gather_seconds(gradients, job.gpus, node_type)
