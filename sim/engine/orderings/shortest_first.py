"""Shortest job first, by its user's estimate: the least mean wait where estimates are true (Smith's rule), and long jobs pay for it."""

from sim.engine.orderings.queueing import Queueing
from sim.engine.orderings.ranked import Ranked


def shortest_first(queueing: Queueing) -> Ranked:
    return Ranked(queueing.estimate_s)
