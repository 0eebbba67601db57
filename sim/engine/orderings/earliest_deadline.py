"""Earliest deadline first; jobs without one go last."""

from sim.demand.table import cells
from sim.engine.orderings.queueing import Queueing
from sim.engine.orderings.ranked import Ranked


def earliest_deadline(queueing: Queueing) -> Ranked:
    deadlines = cells(queueing.jobs.deadline_s)
    return Ranked(lambda job: float(deadlines[job]))
