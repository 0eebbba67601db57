"""Work goes to its data."""

from collections.abc import Sequence

from sim.engine.pool import Pool


class DataHome:
    """The pool to which the job's data take the shortest time, which is none where they lie; of several the earliest start.

    A job whose data have no home starts where it can first.
    """

    def __init__(self, preferred: Sequence[Pool]) -> None:
        self._preferred = preferred

    def choose(self, job: int) -> Pool:
        able = [pool for pool in self._preferred if pool.can_run(job)]
        return min(able, key=lambda pool: (pool.transfer_s(job), pool.expected_wait(job)), default=self._preferred[0])
