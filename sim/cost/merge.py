"""What a merge costs: bytes through each tier it crosses, tensor by tensor, reading, merging and writing at the same time.

k experts of P parameters at b bytes: a linear merge (α-weighted average) reads k and writes 1; task arithmetic, TIES and DARE also read the
base they differ from, so (k+2)·P·b; SLERP reads its two models twice on the device, for their angle and for their sum (arXiv 2410.03617
describes the methods; the bytes are counted, not published). Tiers: storage → host → device → host → storage. A merge from storage streams:
one thread reads ahead, one merges (over the host's link and on the device), one writes behind, so the slower of storage and device decides.
"""

from dataclasses import dataclass

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.models import ModelShape
from sim.cost.storage import storage_seconds
from sim.scenario.workloads import MergeMethod, MergeSource

BYTES_PER_PARAMETER = 2
"""Merged models are stored in bf16."""


NEEDS_BASE: tuple[MergeMethod, ...] = ("task-arithmetic", "ties", "dare-ties")
"""Methods that work on differences from the model that the experts were tuned from."""


@dataclass(frozen=True)
class MergeCost:
    """Seconds by tier; `host_s` is the link between host and device."""

    storage_s: float
    host_s: float
    device_s: float

    @property
    def seconds(self) -> float:
        return max(self.storage_s, self.host_s + self.device_s)


def models_read(method: MergeMethod, experts: int) -> int:
    """Models read: the experts, and the base where the method works on differences from it."""
    return experts + (method in NEEDS_BASE)


def models_moved(method: MergeMethod, experts: int) -> int:
    """Models through the device's memory: read, written, and read again where the first pass only measures."""
    return models_read(method, experts) + 1 + (experts if method == "slerp" else 0)


def merge_family(method: MergeMethod, calibration: Calibration) -> str:
    """The calibration's family for a method: its own where that was measured, else the linear merge's rate for its bytes."""
    own = f"merge-{method}"
    return own if own in calibration.fits else "merge-linear"


def tensors_seconds(method: MergeMethod, moved: float, tensors: float, calibration: Calibration) -> float:
    """Seconds on the device for so many tensors that move `moved` bytes in all: each is a call of its own, with a kernel to launch and,
    where the method has one, a threshold to find."""
    return tensors * calibration.fit(merge_family(method, calibration)).bytes_seconds(moved / tensors)


def merge_cost(
    shape: ModelShape,
    method: MergeMethod,
    experts: int,
    gpus: int,
    source: MergeSource,
    calibration: Calibration,
    node_type: NodeType,
) -> MergeCost:
    """Cost of one merge whose tensors are shared out over `gpus`; storage is shared by the GPUs of a node, links are a GPU's own."""
    each = max(shape.tensors / gpus, 1.0)
    model = float(shape.parameters * BYTES_PER_PARAMETER)
    read = models_read(method, experts) * model
    stored = source == "storage"
    nodes = node_type.nodes(gpus)
    crosses_host = source != "device" and calibration.device.kind == "gpu"
    return MergeCost(
        storage_s=storage_seconds(read / nodes, model / nodes, calibration) if stored else 0.0,
        host_s=calibration.fit("host-copy").bytes_seconds((read + model) / gpus) if crosses_host else 0.0,
        device_s=tensors_seconds(method, models_moved(method, experts) * model / gpus, each, calibration),
    )


def merge_memory_bytes(shape: ModelShape, method: MergeMethod, experts: int, gpus: int, source: MergeSource) -> float:
    """Bytes on each device: every model and the result where they stay in its memory, else the largest tensor of each."""
    models = models_read(method, experts) + 1
    if source == "device":
        return models * shape.parameters * BYTES_PER_PARAMETER / gpus
    linears = (*shape.text_linears(), *shape.vision_linears())
    return float(models * max(linear.inputs * linear.outputs for linear in linears) * BYTES_PER_PARAMETER)


def merge_fits(shape: ModelShape, method: MergeMethod, experts: int, gpus: int, source: MergeSource, calibration: Calibration) -> bool:
    """Whether the merge fits: only one that starts and ends in device memory must hold every model there."""
    return source != "device" or merge_memory_bytes(shape, method, experts, gpus, source) <= calibration.device.memory_bytes
