"""Whether a job is taken, and what start it is promised. A job turned away keeps no pool, no start and no end in the records."""

from collections.abc import Sequence

import numpy as np

from sim.demand.table import JobTable, cells
from sim.engine.pool import Pool
from sim.engine.records import Records
from sim.scenario.admission import AdmissionPolicy, Promise, RejectWhen

_NO_LIMITS = RejectWhen()


class Admission:
    """Limits that hold for every pool alike, and the promises given."""

    def __init__(self, policy: AdmissionPolicy, pools: Sequence[Pool], jobs: JobTable, records: Records) -> None:
        self._reject_when = policy.reject_when or _NO_LIMITS
        self._promise = policy.promise
        self._pools = pools
        self._arrival = cells(jobs.arrival_s)
        if policy.promise is not None:
            records.promised_s = np.full(len(jobs), np.nan)
            self._promised = cells(records.promised_s)

    def admit(self, job: int, pool: Pool) -> Pool | None:
        """`pool` where it takes the job; else of those that do the one with the shortest expected wait, else None."""
        if self._refuses(pool, job):
            taking = [one for one in self._pools if one.can_run(job) and not self._refuses(one, job)]
            if not taking:
                return None
            pool = min(taking, key=lambda one: one.expected_wait(job))
        if self._promise is not None:
            self._promised[job] = self._arrival[job] + promised_wait_s(self._promise, pool.expected_wait(job))
        return pool

    def _refuses(self, pool: Pool, job: int) -> bool:
        limits = self._reject_when
        if limits.waiting_jobs is not None and pool.waiting_jobs >= limits.waiting_jobs and not pool.starts_now(job):
            return True
        return limits.expected_wait is not None and pool.expected_wait(job) > limits.expected_wait


def promised_wait_s(promise: Promise, expected_s: float) -> float:
    """Seconds from arrival to the promised start."""
    return promise.factor * expected_s + promise.grace
