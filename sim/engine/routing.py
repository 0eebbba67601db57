"""Which pool a job goes to. A routing is a small class; it sees pools only through `Pool.can_run` and `Pool.expected_wait`."""

from typing import Protocol

from sim.engine.pool import Pool


class Routing(Protocol):
    def choose(self, job: int) -> Pool:
        """The pool that takes this job; every job has at least one that can."""
        ...


class OnePool:
    """Nothing to choose."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def choose(self, job: int) -> Pool:  # noqa: ARG002
        return self._pool


class PreferThenOverflow:
    """The first preferred pool whose expected wait is short enough; where none is, the one with the shortest."""

    def __init__(self, preferred: list[Pool], longest_wait_s: float) -> None:
        self._preferred = preferred
        self._longest = longest_wait_s

    def choose(self, job: int) -> Pool:
        best, shortest = self._preferred[0], float("inf")
        for pool in self._preferred:
            if not pool.can_run(job):
                continue
            wait = pool.expected_wait(job)
            if wait <= self._longest:
                return pool
            if wait < shortest:
                best, shortest = pool, wait
        return best
