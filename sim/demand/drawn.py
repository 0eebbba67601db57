"""Drawn workloads: how much work each job brings, and how long that takes on every node type."""

import numpy as np

from sim.cost.collectives import NodeType
from sim.cost.data import data_bytes
from sim.cost.durations import CostTable, misfit
from sim.demand.arrivals import draw_arrivals
from sim.demand.sampling import draw, draw_mix
from sim.demand.scaling import scaling_curves
from sim.demand.streams import stream
from sim.demand.table import Floats, Ints, JobTable
from sim.scenario.errors import InputError
from sim.scenario.workloads import EvaluationWorkload, MergeWorkload, TrainingWorkload

Drawn = MergeWorkload | TrainingWorkload | EvaluationWorkload


def draw_workload(name: str, work: Drawn, seed: int, replication: int, horizon_s: float, costs: CostTable) -> JobTable:
    """One workload's jobs up to the horizon; InputError (with the workload's key) where one fits no node type."""

    def source(what: str) -> np.random.Generator:
        return stream(seed, replication, "workload", name, what)

    try:
        arrival = draw_arrivals(work.arrivals, horizon_s, source("arrivals"))
        tokens = np.zeros(len(arrival))
        gpus = draw_mix(work.gpus, len(arrival), source("gpus"))
        if isinstance(work, MergeWorkload):
            experts = draw_mix(work.experts, len(arrival), source("experts"))
            reads: float | Floats = np.array([data_bytes(work, count) for count in range(max(work.experts.values) + 1)])[experts]
            durations = [_merges(work, experts, gpus, on, costs) for on in costs.node_types]
        else:
            reads = data_bytes(work)
            tokens = draw(work.tokens, len(arrival), source("tokens"))
            if isinstance(work, TrainingWorkload):
                durations = [_training(work, tokens, gpus, on, costs) for on in costs.node_types]
            else:
                images = draw(work.images, len(arrival), source("images")) if work.images else np.zeros(len(arrival))
                durations = [_evaluation(work, tokens, images, gpus, on, costs) for on in costs.node_types]
    except InputError as error:
        raise error.under(f"workloads.{name}") from None
    table = np.array(durations).reshape(len(costs.node_types), len(arrival))
    _refuse_misfits(name, work, gpus, table, costs)
    every, save = _checkpoints(work, gpus, costs)
    return JobTable.build(
        arrival,
        gpus,
        table,
        priority=work.priority,
        checkpoint_s=every,
        save_s=save,
        restart_s=work.restart,
        deadline_s=np.inf if work.deadline is None else arrival + work.deadline,
        data_bytes=reads,
        tokens=tokens,
        workload=name,
        tenants=(work.tenant or name,),
        scaling=scaling_curves(work, costs) if isinstance(work, TrainingWorkload) else None,
    )


def _checkpoints(work: Drawn, gpus: Ints, costs: CostTable) -> tuple[float, Floats]:
    """Seconds of progress between checkpoints, and what writing one takes each job on the slowest node type."""
    save = np.zeros(len(gpus))
    if not isinstance(work, TrainingWorkload) or work.checkpoint is None:
        return np.inf, save
    for size in work.gpus.values:
        save[gpus == size] = max(costs.checkpoint_seconds(work, size, on) for on in costs.node_types)
    return work.checkpoint, save


def _merges(work: MergeWorkload, experts: Ints, gpus: Ints, on: NodeType, costs: CostTable) -> Floats:
    seconds = np.empty(len(gpus))
    for count in work.experts.values:
        for size in work.gpus.values:
            seconds[(experts == count) & (gpus == size)] = costs.merge_seconds(work, count, size, on)
    return seconds


def _training(work: TrainingWorkload, tokens: Floats, gpus: Ints, on: NodeType, costs: CostTable) -> Floats:
    per_token = np.empty(len(gpus))
    for size in work.gpus.values:
        per_token[gpus == size] = costs.training_seconds_per_token(work, size, on)
    return per_token * tokens


def _evaluation(work: EvaluationWorkload, tokens: Floats, images: Floats, gpus: Ints, on: NodeType, costs: CostTable) -> Floats:
    seconds = np.empty(len(gpus))
    for size in work.gpus.values:
        cost, rows = costs.evaluation_seconds(work, size, on), gpus == size
        seconds[rows] = cost.token_s * tokens[rows] + (cost.image_s * images[rows] if work.images else 0.0)
    return seconds


def _refuse_misfits(name: str, work: Drawn, gpus: Ints, durations: Floats, costs: CostTable) -> None:
    nowhere = np.isinf(durations).all(axis=0)
    if nowhere.any():
        size = int(gpus[nowhere].min())
        raise InputError.of(misfit(work, size, costs), key=f"workloads.{name}.gpus")
