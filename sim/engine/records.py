"""What happened: one row a job in columns laid out before the clock starts, and the little that is not a job's."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sim.demand.table import Floats, Ints

RESIZE = "resize"
"""Cause of the end of a run whose job goes on at once, on fewer or more GPUs."""


class Attempt(NamedTuple):
    """A run on `gpus`, cut short. `restart_s` of its seconds went into starting again, and the work of the last `lost_s` was not saved."""

    job: int
    pool: int
    start_s: float
    end_s: float
    restart_s: float
    lost_s: float
    cause: str
    gpus: int


class Transfer(NamedTuple):
    """Data of a job on their way from one pool to another."""

    job: int
    source: int
    target: int
    start_s: float
    end_s: float
    size_bytes: float


class Provisioned(NamedTuple):
    """`gpus` that a job was given at `asked_s`, on nodes that came with the provider's answer at `ready_s`, or were lost then before it."""

    job: int
    pool: int
    asked_s: float
    ready_s: float
    gpus: int


class Migrated(NamedTuple):
    """A waiting job that was moved from one pool's queue to another pool."""

    job: int
    source: int
    target: int
    time_s: float


@dataclass
class Records:
    """`start_s` and `gpus` (of the last run), `end_s` and `pool` (an index into the run's pools) by row of the job table.

    `attempts` are the runs before the last.

    A rejected job has no pool (−1), start or end (NaN). `promised_s` is the start that each job was promised, where any was.
    `capacity` holds (pool, seconds, GPUs) whenever the GPUs that a pool holds change, `down` the same for those of them that are broken,
    `closed` for those that a quota holds back; `leases` holds (from, to) for each node paid on demand, to infinity
    where nobody gives it back.
    """

    start_s: Floats
    end_s: Floats
    pool: NDArray[np.int16]
    gpus: Ints
    attempts: list[Attempt] = field(default_factory=list)
    capacity: list[tuple[int, float, int]] = field(default_factory=list)
    down: list[tuple[int, float, int]] = field(default_factory=list)
    closed: list[tuple[int, float, int]] = field(default_factory=list)
    leases: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)
    migrations: list[Migrated] = field(default_factory=list)
    provisioned: list[Provisioned] = field(default_factory=list)
    promised_s: Floats | None = None

    @classmethod
    def empty(cls, gpus: Ints) -> Self:
        """Nothing has happened yet; `gpus` are those that jobs ask for, and a run keeps them up to date."""
        jobs = len(gpus)
        return cls(np.full(jobs, np.nan), np.full(jobs, np.nan), np.full(jobs, -1, np.int16), gpus)

    def note_capacity(self, pool: int, time_s: float, gpus: int) -> None:
        self.capacity.append((pool, time_s, gpus))

    def note_down(self, pool: int, time_s: float, gpus: int) -> None:
        self.down.append((pool, time_s, gpus))

    def note_closed(self, pool: int, time_s: float, gpus: int) -> None:
        self.closed.append((pool, time_s, gpus))

    def note_lost_before_ready(self, job: int, time_s: float) -> None:
        """A job waits no more for the nodes that were last asked for it."""
        last = next(index for index in range(len(self.provisioned) - 1, -1, -1) if self.provisioned[index].job == job)
        self.provisioned[last] = self.provisioned[last]._replace(ready_s=time_s)

    def note_leases(self, pool: int, from_s: Sequence[float], to_s: Sequence[float]) -> None:
        self.leases[pool] = (np.array(from_s), np.array(to_s))

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which jobs were not rejected: of a finished run, those that ran."""
        return np.asarray(self.pool >= 0)

    def first_start_s(self) -> Floats:
        """When each job first ran."""
        first = self.start_s.copy()
        for one in reversed(self.attempts):  # in order of their ends
            first[one.job] = one.start_s
        return first

    def waited_s(self, arrival_s: Floats) -> Floats:
        """Seconds from arrival to end in which each job was not running."""
        return self.start_s - arrival_s - self.ran_before_s()

    def ran_before_s(self) -> Floats:
        """Seconds that each job ran before its last start."""
        ran = np.zeros(len(self.start_s))
        for one in self.attempts:
            ran[one.job] += one.end_s - one.start_s
        return ran
