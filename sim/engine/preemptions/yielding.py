"""What a preemption is, and what it may know."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sim.demand.table import JobTable
from sim.engine.queue_terms import PreemptionTerms


class Preemption(Protocol):
    """Asked only where the first in line does not fit."""

    def asks(self, job: int) -> bool:
        """Whether the waiting job may take others' GPUs at all."""
        ...

    def yields(self, running: int, job: int) -> bool:
        """Whether a running job makes room for the waiting one."""
        ...


@dataclass(frozen=True)
class Yielding:
    """`attained_gpu_s` is what a job's runs have had up to now, the present one included."""

    jobs: JobTable
    terms: PreemptionTerms
    attained_gpu_s: Callable[[int], float]
