"""What the simulator's own cost model says of an anchor or of a merge, from the fits alone."""

from typing import cast

from profiler.probes import Shape
from profiler.probes.streamed_merge import TENSORS
from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.merge import BYTES_PER_PARAMETER, MergeCost, models_moved, models_read, tensors_seconds
from sim.cost.models import measured_model
from sim.cost.products import Product, product_seconds
from sim.cost.storage import storage_seconds
from sim.cost.training import OPTIMISER_TRAFFIC, STATE_BYTES, Layout, TrainingJob, memory_bytes, optimiser_family, step_cost
from sim.scenario.workloads import MergeMethod, Precision

MERGE, STREAMED = "merge-", "streamed-"
"""Probes of merges, in memory and from files, are named for their methods; the first are families too."""

STEPS = frozenset(("matmul-bf16", "memory-copy"))
"""Families without which no training step can be told; where others are missing, costs rest on these."""
STORED_MERGES = frozenset(("disk-read", "disk-write", "merge-linear"))
"""The same of a merge from storage."""
STORED_MERGES_ON_GPU = STORED_MERGES | {"host-copy"}

TRANSFORMERS: dict[str, Precision] = {"transformer-step": "bf16", "transformer-step-int8": "int8-mixed"}


def predict(probe: str, shape: Shape, calibration: Calibration) -> float | None:
    """Seconds predicted for one anchor or one merge in memory; None where the fits it needs were not measured."""
    if probe.startswith(MERGE):
        return _merge(probe, shape, calibration)
    if probe.startswith(STREAMED):
        return _streamed(cast(MergeMethod, probe.removeprefix(STREAMED)), shape, calibration)
    if not calibration.fits.keys() >= STEPS:
        return None
    if TRANSFORMERS.get(probe) == "int8-mixed" and not {"int8-linear", "matmul-int8"} & calibration.fits.keys():
        return None
    return _mlp(shape, calibration) if probe == "mlp-step" else _transformer(shape, calibration, TRANSFORMERS[probe])


def _merge(probe: str, shape: Shape, calibration: Calibration) -> float | None:
    if probe not in calibration.fits:
        return None
    models = models_moved(cast(MergeMethod, probe.removeprefix(MERGE)), shape["experts"])
    return calibration.fit(probe).bytes_seconds(float(models * shape["parameters"] * BYTES_PER_PARAMETER))


def _streamed(method: MergeMethod, shape: Shape, calibration: Calibration) -> float | None:
    """As the simulator prices a merge from storage."""
    on_gpu = calibration.device.kind == "gpu"
    if not calibration.fits.keys() >= (STORED_MERGES_ON_GPU if on_gpu else STORED_MERGES):
        return None
    model, read = shape["parameters"] * float(BYTES_PER_PARAMETER), models_read(method, shape["experts"])
    return MergeCost(
        storage_s=storage_seconds(read * model, model, calibration),
        host_s=calibration.fit("host-copy").bytes_seconds((read + 1) * model) if on_gpu else 0.0,
        device_s=tensors_seconds(method, models_moved(method, shape["experts"]) * model, TENSORS, calibration),
    ).seconds


def _mlp(shape: Shape, calibration: Calibration) -> float:
    batch, inputs, hidden, outputs = (shape[name] for name in ("batch", "inputs", "hidden", "outputs"))
    products: tuple[tuple[int, int, int, Product], ...] = (
        (batch, hidden, inputs, "output"),
        (hidden, inputs, batch, "grad-weight"),  # nobody needs the first layer's grad-input
        (batch, outputs, hidden, "output"),
        (batch, hidden, outputs, "grad-input"),
        (outputs, hidden, batch, "grad-weight"),
    )
    seconds = sum(product_seconds(calibration, "bf16", *product) for product in products)
    # GELU forward (read, write) and backward (two reads, a write); the loss forward and backward; bf16. A function of each value and its
    # derivative take what SwiGLU's do.
    activations = 2.0 * batch * (5 * hidden + 6 * outputs)
    passes = calibration.fit("gate-training" if "gate-training" in calibration.fits else "memory-copy")
    weights = hidden * (inputs + outputs)
    stepped = calibration.fit(optimiser_family(calibration)).bytes_seconds(OPTIMISER_TRAFFIC * weights)
    return seconds + passes.bytes_seconds(activations) + stepped


def _transformer(shape: Shape, calibration: Calibration, precision: Precision) -> float | None:
    cost = step_cost(_job(shape, precision), calibration, NodeType(calibration.device.id, 1, None, None))
    return cost.seconds if cost else None


def _job(shape: Shape, precision: Precision) -> TrainingJob:
    return TrainingJob(measured_model(shape), precision, 1, shape["sequence"], shape["batch"] * shape["sequence"])


def held_bytes(probe: str, shape: Shape) -> tuple[float, float]:
    """Bytes that a prepared merge in memory or training step holds, and how many more while it runs."""
    if probe.startswith(MERGE):
        models = models_read(cast(MergeMethod, probe.removeprefix(MERGE)), shape["experts"]) + 1
        return float(models * shape["parameters"] * BYTES_PER_PARAMETER), 0.0
    if probe == "mlp-step":
        batch, inputs, hidden, outputs = (shape[name] for name in ("batch", "inputs", "hidden", "outputs"))
        # Both layers' activations, those that GELU and the loss keep, and the gradients of as many; bf16.
        return float(STATE_BYTES * hidden * (inputs + outputs)), 2.0 * batch * (inputs + 4 * hidden + 4 * outputs)
    job = _job(shape, TRANSFORMERS[probe])
    states = float(STATE_BYTES * job.shape.parameters)
    return states, memory_bytes(job, Layout("replicated", recompute=False, micro_tokens=job.tokens_per_gpu)) - states
