"""Jobs that have had less service take the place of those that have had more by a quantum (Tiresias, NSDI 19, at arrivals and ends)."""

from sim.engine.preemptions.yielding import Yielding


class AttainedService:
    def __init__(self, yielding: Yielding) -> None:
        self._attained, self._quantum = yielding.attained_gpu_s, yielding.terms.quantum_gpu_s

    def asks(self, job: int) -> bool:  # noqa: ARG002
        return True

    def yields(self, running: int, job: int) -> bool:
        return self._attained(running) >= self._attained(job) + self._quantum
