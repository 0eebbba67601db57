"""Which plans are worth a look: those that no other plan beats in both cost and wait."""

from collections.abc import Sequence

import numpy as np


def front(costs: Sequence[float | None], waits: Sequence[float | None]) -> list[bool]:
    """For each plan, whether none is at least as good in both and better in one (the Pareto front); never for one without a figure."""
    pairs = np.array([(np.nan if one is None else one, np.nan if two is None else two) for one, two in zip(costs, waits, strict=True)])
    marks = np.zeros(len(pairs), bool)
    if not len(pairs):
        return []
    best, at_best = np.inf, np.inf
    for index in np.lexsort((pairs[:, 1], pairs[:, 0])).tolist():  # by cost, then by wait
        cost, wait = pairs[index]
        measured = np.isfinite(cost) and np.isfinite(wait)
        if measured and (wait < best or (wait == best and cost == at_best)):
            best, at_best, marks[index] = wait, cost, True
    return [bool(mark) for mark in marks]
