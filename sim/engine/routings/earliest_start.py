"""The pool in which the job is expected to start first."""

from collections.abc import Sequence

from sim.engine.pool import Pool


class EarliestStart:
    """Of equally early ones the first preferred."""

    def __init__(self, preferred: Sequence[Pool]) -> None:
        self._preferred = preferred

    def choose(self, job: int) -> Pool:
        able = [pool for pool in self._preferred if pool.can_run(job)]
        return min(able, key=lambda pool: pool.expected_wait(job), default=self._preferred[0])
