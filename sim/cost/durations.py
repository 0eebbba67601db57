"""From a workload to seconds on each node type: the one door through which demand asks what work costs.

A `CostTable` is built once for a scenario and a set of calibrations; every question is answered from a few distinct evaluations (a choice
of GPUs or experts on a node type), so that a hundred thousand jobs cost no more than a hundred.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.evaluation import EvaluationCost, evaluation_cost, evaluation_families, evaluation_fits
from sim.cost.merge import merge_cost, merge_family, merge_fits
from sim.cost.models import model_shape
from sim.cost.storage import storage_families
from sim.cost.training import OPTIMISER_BYTES, WEIGHT_BYTES, TrainingJob, least_gpus, step_cost, training_families
from sim.scenario.errors import InputError
from sim.scenario.providers import Pool
from sim.scenario.workloads import EvaluationWorkload, MergeWorkload, TrainingWorkload


def node_type(pool: Pool, calibration: Calibration | None) -> NodeType:
    """The node type of a pool; its network where given, else the device's own, shared between nodes as its oversubscription says."""
    device = calibration.device if calibration else None
    inter_node = pool.network.inter_node or (device.inter_node_bytes_per_s if device else None)
    return NodeType(
        pool.gpu,
        pool.gpus_per_node,
        pool.network.intra_node or (device.intra_node_bytes_per_s if device else None),
        inter_node / pool.network.oversubscription if inter_node else None,
    )


@dataclass
class CostTable:
    """Costs of work on `node_types`; infinity where it does not fit."""

    node_types: tuple[NodeType, ...]
    calibrations: Mapping[str, Calibration]
    _steps: dict[tuple[TrainingJob, NodeType], float] = field(default_factory=dict, repr=False)

    def merge_seconds(self, work: MergeWorkload, experts: int, gpus: int, on: NodeType) -> float:
        """Seconds of one merge."""
        shape, calibration = model_shape(work.model), self.calibrations[on.gpu]
        if not merge_fits(shape, work.method, experts, gpus, work.source, calibration):
            return math.inf
        return merge_cost(shape, work.method, experts, gpus, work.source, calibration, on).seconds

    def training_seconds_per_token(self, work: TrainingWorkload, gpus: int, on: NodeType) -> float:
        """Wall seconds a token of the whole job takes, stops to write checkpoints included."""
        job = training_job(work, gpus)
        if (job, on) not in self._steps:
            cost = step_cost(job, self.calibrations[on.gpu], on)
            self._steps[job, on] = cost.seconds if cost else math.inf
        per_token = self._steps[job, on] / (work.tokens_per_gpu * gpus)
        if work.checkpoint is None:
            return per_token
        return per_token * (1 + self.checkpoint_seconds(work, gpus, on) / work.checkpoint)

    def checkpoint_seconds(self, work: TrainingWorkload, gpus: int, on: NodeType) -> float:
        """Seconds to write the job's state, every node its share."""
        state = model_shape(work.model).parameters * (WEIGHT_BYTES + OPTIMISER_BYTES)
        return self.calibrations[on.gpu].fit("disk-write").bytes_seconds(state / on.nodes(gpus))

    def evaluation_seconds(self, work: EvaluationWorkload, gpus: int, on: NodeType) -> EvaluationCost:
        """Wall seconds a token and an image take with the work shared out over `gpus` replicas (or shards, where one cannot hold it)."""
        shape, calibration = model_shape(work.model), self.calibrations[on.gpu]
        if not evaluation_fits(shape, work.precision, work.sequence, gpus, calibration.device.memory_bytes):
            return EvaluationCost(math.inf, math.inf)
        cost = evaluation_cost(shape, work.precision, work.sequence, calibration)
        return EvaluationCost(cost.token_s / gpus, cost.image_s / gpus)


def families(work: MergeWorkload | TrainingWorkload | EvaluationWorkload, calibration: Calibration) -> tuple[str, ...]:
    """The calibration's families that the cost of `work` rests on; InputError naming all that it lacks of them."""
    if missing := missing_families(work, calibration):
        raise calibration.lacks(missing)
    return _needed(work, calibration)


def missing_families(work: MergeWorkload | TrainingWorkload | EvaluationWorkload, calibration: Calibration) -> tuple[str, ...]:
    """The families that the cost of `work` rests on and the calibration lacks, with nothing that could stand in for them."""
    return tuple(family for family in _needed(work, calibration) if family not in calibration.fits)


def _needed(work: MergeWorkload | TrainingWorkload | EvaluationWorkload, calibration: Calibration) -> tuple[str, ...]:
    if isinstance(work, MergeWorkload):
        named = [merge_family(work.method, calibration)]
        named += ["host-copy"] if work.source != "device" and calibration.device.kind == "gpu" else []
        named += storage_families(calibration) if work.source == "storage" else ()
    elif isinstance(work, TrainingWorkload):
        named = list(training_families(calibration, work.precision))
        named += ["disk-write"] if work.checkpoint is not None else []
    else:
        named = list(evaluation_families(calibration, work.precision))
    return tuple(named)


def check_model(work: MergeWorkload | TrainingWorkload | EvaluationWorkload) -> None:
    """InputError, with the key, for a model that nobody knows, or that is shown images and sees none."""
    try:
        shape = model_shape(work.model)
    except InputError as error:
        raise error.under("model") from None
    if isinstance(work, EvaluationWorkload) and work.images is not None and shape.vision is None:
        raise InputError.of(
            f"{work.model} sees no images; leave them out, or take a model that sees, as llama-3.2-11b-vision does", key="images"
        )


def training_job(work: TrainingWorkload, gpus: int) -> TrainingJob:
    return TrainingJob(model_shape(work.model), work.precision, gpus, work.sequence, work.tokens_per_gpu)


def least_gpus_for(work: MergeWorkload | TrainingWorkload | EvaluationWorkload, calibration: Calibration) -> int | None:
    """The fewest of this device on which `work` fits; None where no number of them would do."""
    memory, shape = calibration.device.memory_bytes, model_shape(work.model)
    if isinstance(work, TrainingWorkload):
        return least_gpus(training_job(work, 1), memory)
    if isinstance(work, EvaluationWorkload):
        return next((g for g in range(1, 1025) if evaluation_fits(shape, work.precision, work.sequence, g, memory)), None)
    experts = max(work.experts.values)
    return next((g for g in range(1, 1025) if merge_fits(shape, work.method, experts, g, work.source, calibration)), None)


def misfit(work: MergeWorkload | TrainingWorkload | EvaluationWorkload, gpus: int, costs: CostTable) -> str:
    """Why `work` runs on no node type with this many GPUs, and what would do."""
    needs = []
    for gpu in dict.fromkeys(on.gpu for on in costs.node_types):
        least = least_gpus_for(work, costs.calibrations[gpu])
        memory_gb = f"{gpu} ({costs.calibrations[gpu].device.memory_bytes / 1e9:.0f} GB)"
        needs.append(f"at least {least} GPUs of {memory_gb}" if least else f"more memory than any number of {memory_gb}")
    return f"{work.model} does not fit {gpus} {'GPU' if gpus == 1 else 'GPUs'}; it needs {' or '.join(needs)}"
