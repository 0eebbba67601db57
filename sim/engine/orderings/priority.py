"""Highest priority first."""

from sim.demand.table import cells
from sim.engine.orderings.queueing import Queueing
from sim.engine.orderings.ranked import Ranked


def priority(queueing: Queueing) -> Ranked:
    priorities = cells(queueing.jobs.priority)
    return Ranked(lambda job: -priorities[job])
