"""What an ordering is, and what it may know of the jobs it orders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sim.demand.table import Floats, JobTable
from sim.engine.clock import Clock
from sim.engine.tenant_usage import TenantUsage


class Ordering(Protocol):
    """Waiting jobs by their row in the table; `head` is the next to start."""

    def __len__(self) -> int: ...

    def push(self, job: int) -> None: ...

    def head(self) -> int: ...

    def pop(self) -> int:
        """Take out what `head` says."""
        ...

    def again(self, job: int) -> None:
        """Queue an interrupted job: where it would stand had it not been started."""
        ...

    def behind(self, count: int) -> list[int]:
        """Up to `count` jobs behind the head, in order: those that may overtake it where the queue is backfilled."""
        ...

    def remove(self, job: int) -> None:
        """Take out a job that overtakes."""
        ...


@runtime_checkable
class Observer(Protocol):
    """What wants to know of each run on a pool, as it is given its GPUs and as it ends or is cut short."""

    def began(self, job: int) -> None: ...

    def ended(self, job: int) -> None: ...


@dataclass(frozen=True)
class Queueing:
    """One pool's side of a run. `estimate_s` is a job's run time as its user told it, the true one where nobody did.

    `start_s` are the starts of present runs, which for one whose nodes are still to come is later than now. `usage` is of the whole run,
    whatever the pool; `weights` are shares by tenant (1 where not named).
    """

    jobs: JobTable
    clock: Clock
    estimate_s: Callable[[int], float]
    start_s: Floats
    usage: TenantUsage
    weights: Mapping[str, float] = field(default_factory=dict)
