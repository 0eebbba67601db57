"""What a backfill may ask of its pool: estimates, nodes and what runs on them, the queue, and to start a job out of turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sim.engine.clock import Clock
from sim.engine.orderings import Ordering
from sim.engine.placement import PackedNodes, Place, SpreadGpus

WINDOW = 64
"""Jobs behind the first in line that may overtake it: a bound on the work of an event (Slurm's default is 100)."""


@dataclass(frozen=True)
class Room:
    """`ends_s` is when a running job ends by its estimate, `places` where each running job is.

    `start` takes a job out of the queue and begins it on a place that was taken for it. `due` are (seconds, nodes) that are to come, each
    when it may be expected, soonest first. On demand, a cold node answers later than its gang was given it, so that ends are later than a
    backfill reckons with.
    """

    clock: Clock
    queue: Ordering
    placement: PackedNodes | SpreadGpus
    gpus: "Mapping[int, int] | memoryview"
    estimate_s: Callable[[int], float]
    ends_s: Callable[[int], float]
    places: Mapping[int, Place]
    start: Callable[[int, Place], None]
    due: Callable[[], list[tuple[float, int]]]
    window: int = WINDOW
