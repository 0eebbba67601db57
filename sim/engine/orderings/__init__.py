"""In which order a pool's queue is served. An ordering is a small class in a file of its own, found by its name in ``policy.queue.order``.

Third parties add theirs as entry points of the group ``leadtime.orderings``: a callable that takes a `Queueing` and returns an `Ordering`.
No ordering walks its whole queue for an event, so that the cost of a job stays flat as the backlog grows.
"""

from collections.abc import Callable

from sim.engine.orderings.earliest_deadline import earliest_deadline
from sim.engine.orderings.fair_share import FairShare
from sim.engine.orderings.fifo import Fifo
from sim.engine.orderings.least_attained import LeastAttained
from sim.engine.orderings.priority import priority
from sim.engine.orderings.queueing import Observer, Ordering, Queueing
from sim.engine.orderings.shortest_first import shortest_first

__all__ = ["ORDERINGS", "Observer", "Ordering", "Queueing"]

ORDERINGS: dict[str, Callable[[Queueing], Ordering]] = {
    "fifo": Fifo,
    "priority": priority,
    "sjf": shortest_first,
    "edf": earliest_deadline,
    "las": LeastAttained,
    "fair-share": FairShare,
}
