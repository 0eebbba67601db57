"""Jobs of higher priority take the place of those of lower."""

from sim.demand.table import cells
from sim.engine.preemptions.yielding import Yielding


class HigherPriority:
    def __init__(self, yielding: Yielding) -> None:
        self._priority = cells(yielding.jobs.priority)
        self._lowest = int(yielding.jobs.priority.min(initial=0))

    def asks(self, job: int) -> bool:
        return bool(self._priority[job] > self._lowest)

    def yields(self, running: int, job: int) -> bool:
        return bool(self._priority[running] < self._priority[job])
