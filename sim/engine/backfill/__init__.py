"""Who may overtake a job that does not fit yet: nobody (`none`), whoever does not delay the first in line (`easy`: Lifka, 1995), or whoever
delays no job ahead that has a place in the plan (`conservative`: Mu'alem & Feitelson, 2001).

A backfill believes users' estimates, and the dates when nodes are due. Where those are not too short and these not too early, the first in
line never starts later than its reservation (`easy`), and no job later than it was first planned (`conservative`). It looks at a bounded
window behind the first in line, so that an event costs no more however long the queue is.
"""

from collections.abc import Callable
from typing import Protocol

from sim.engine.backfill.conservative import Conservative
from sim.engine.backfill.easy import Easy
from sim.engine.backfill.room import Room


class Backfill(Protocol):
    """It observes the pool's runs, and starts what waits: `serve` after anything changed, `arrived` for a job that was just queued."""

    def began(self, job: int) -> None: ...

    def ended(self, job: int) -> None: ...

    def serve(self) -> None: ...

    def arrived(self, job: int) -> None: ...

    def withdrawn(self, job: int) -> None:
        """A waiting job went elsewhere."""
        ...


BACKFILLS: dict[str, Callable[[Room], Backfill]] = {"easy": Easy, "conservative": Conservative}
