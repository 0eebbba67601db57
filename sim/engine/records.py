"""What happened: one row a job in columns laid out before the clock starts, and the little that is not a job's."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.demand.table import Floats


@dataclass
class Records:
    """`start_s`, `end_s` and `pool` (an index into the run's pools) by row of the job table.

    `capacity` holds (pool, seconds, GPUs) whenever a pool's GPUs change; `leases` holds (pool, from, to) for each node paid on demand.
    """

    start_s: Floats
    end_s: Floats
    pool: NDArray[np.int16]
    capacity: list[tuple[int, float, int]] = field(default_factory=list)
    leases: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)

    @classmethod
    def empty(cls, jobs: int) -> Self:
        return cls(np.full(jobs, np.nan), np.full(jobs, np.nan), np.full(jobs, -1, np.int16))

    def note_capacity(self, pool: int, time_s: float, gpus: int) -> None:
        self.capacity.append((pool, time_s, gpus))

    def note_leases(self, pool: int, from_s: list[float], to_s: list[float]) -> None:
        self.leases[pool] = (np.array(from_s), np.array(to_s))
