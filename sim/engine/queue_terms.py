"""What a scenario says of queues, as plain values: how each pool orders its queue, who may overtake, and who makes room for whom."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PreemptionTerms:
    """`policy` names it; `by` and `of` are workloads by index. A job makes room `at_most` so many times (None: as often as it must).

    `quantum_gpu_s` is by how much less service a job must have had than one that makes room for it (of ``attained-service``).
    """

    policy: str
    by: tuple[int, ...] = ()
    of: tuple[int, ...] = ()
    at_most: int | None = 3
    quantum_gpu_s: float = 0.0


@dataclass(frozen=True)
class QueueTerms:
    """`weights` are of tenants by name, and their usage decays by half in `half_life_s` (of ``fair-share``)."""

    order: str = "fifo"
    backfill: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    half_life_s: float = math.inf
    preemption: PreemptionTerms | None = None
