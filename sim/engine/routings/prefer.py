"""Prefer, then overflow: what planners write as "use ours until it is too slow"."""

from collections.abc import Sequence

from sim.engine.pool import Pool


class PreferThenOverflow:
    """The first preferred pool whose expected wait is short enough; where none is, the one with the shortest."""

    def __init__(self, preferred: Sequence[Pool], longest_wait_s: float) -> None:
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
