"""Seconds of one job on one device: in all, as a scenario has them, and by the families of measurements that they rest on."""

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.durations import CostTable, families
from sim.scenario.one_job import OneJob
from sim.scenario.workloads import MergeWorkload, TrainingWorkload

STEP = 1e-3
"""By how much a family is slowed to see what of the job it is."""


def job_seconds(work: OneJob, calibration: Calibration, node: NodeType) -> float:
    """Seconds of the job's first choice of GPUs and experts and the centre of its tokens; infinity where it does not fit."""
    costs, gpus = CostTable((node,), {node.gpu: calibration}), work.gpus.values[0]
    if isinstance(work, MergeWorkload):
        return costs.merge_seconds(work, work.experts.values[0], gpus, node)
    if isinstance(work, TrainingWorkload):
        return costs.training_seconds_per_token(work, gpus, node) * work.tokens.centre
    cost = costs.evaluation_seconds(work, gpus, node)
    return cost.token_s * work.tokens.centre + (cost.image_s * work.images.centre if work.images else 0.0)


def family_seconds(work: OneJob, calibration: Calibration, node: NodeType) -> dict[str, float]:
    """Seconds that rest on each family: what the job would take less if that family took no time, from a small change.

    What rests on none of them, as the network, is left out. Of tiers that work at the same time only the one that decides has seconds.
    """
    whole = job_seconds(work, calibration, node)
    slowed = {family: job_seconds(work, calibration.scaled({family: 1 + STEP}), node) for family in families(work, calibration)}
    return {family: (seconds - whole) / STEP for family, seconds in slowed.items()}
