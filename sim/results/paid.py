"""For which spans of time which GPUs were held, and paid."""

from dataclasses import dataclass

import numpy as np

from sim.demand.step_path import ONE, StepPath
from sim.demand.table import Floats
from sim.engine.pool import PoolPlan
from sim.engine.records import Records
from sim.results.usage import capacity_path


@dataclass(frozen=True)
class Spans:
    """`gpus` from `from_s` to `to_s`, row by row; rows may overlap."""

    from_s: Floats
    to_s: Floats
    gpus: Floats

    def integral(self, low_s: float, high_s: float, weight: StepPath = ONE) -> float:
        """Σ GPUs × ∫ weight dt inside [low, high]: GPU-seconds, or what they cost or emit."""
        inside = weight.between(np.clip(self.from_s, low_s, high_s), np.clip(self.to_s, low_s, high_s))
        return float((inside * self.gpus).sum())


def held_spans(index: int, plan: PoolPlan, records: Records) -> Spans:
    """Leased nodes from the provider's answer to their return; of others the GPUs that the pool had."""
    if index in records.leases:
        from_s, to_s = records.leases[index]
        return Spans(from_s, to_s, np.full(len(from_s), float(plan.gpus_per_node)))
    had = capacity_path(records, index)
    return Spans(had.time_s, np.append(had.time_s[1:], np.inf), had.level)


def paid_spans(index: int, plan: PoolPlan, records: Records) -> Spans:
    """Those held, each lease for at least the offer's minimum."""
    held = held_spans(index, plan, records)
    return Spans(held.from_s, np.maximum(held.to_s, held.from_s + plan.minimum_s), held.gpus)
