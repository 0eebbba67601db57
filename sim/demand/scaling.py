"""How elastic training scales, by the calibrated cost of its steps and checkpoints."""

import numpy as np

from sim.cost.durations import CostTable
from sim.demand.table import NONE, Scaling
from sim.scenario.workloads import TrainingWorkload


def scaling_curves(work: TrainingWorkload, costs: CostTable) -> Scaling:
    """Run times on each size over those on the size asked for, by node type; infinity where either does not fit."""
    if work.elastic is None:
        return NONE

    def per_token(size: int) -> list[float]:
        return [costs.training_seconds_per_token(work, size, on) for on in costs.node_types]

    curves: dict[int, dict[int, tuple[float, ...]]] = {}
    for asked in work.gpus.values:
        base = np.array(per_token(asked))
        fits = np.isfinite(base)
        curves[asked] = {
            size: tuple(np.divide(per_token(size), base, out=np.full(len(base), np.inf), where=fits).tolist())
            for size in work.elastic.sizes(asked)
        }
    return curves
