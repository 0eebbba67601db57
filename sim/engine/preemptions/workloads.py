"""Jobs of named workloads take the place of those of other named ones."""

from sim.demand.table import cells
from sim.engine.preemptions.yielding import Yielding


class NamedWorkloads:
    """Those in `by` preempt those in `of`."""

    def __init__(self, yielding: Yielding) -> None:
        self._workload = cells(yielding.jobs.workload)
        self._by, self._of = frozenset(yielding.terms.by), frozenset(yielding.terms.of)

    def asks(self, job: int) -> bool:
        return self._workload[job] in self._by

    def yields(self, running: int, job: int) -> bool:  # noqa: ARG002
        return self._workload[running] in self._of
