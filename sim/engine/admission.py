"""Whether a job is taken, and what start it is promised. Admission stands before a routing and looks like one.

A job turned away goes to `NOWHERE`: its row of the records keeps no pool, no start and no end.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sim.demand.table import JobTable, cells
from sim.engine.pool import Pool
from sim.engine.records import Records
from sim.engine.routing import Routing
from sim.scenario.admission import AdmissionPolicy, Promise, RejectWhen


class Entry(Protocol):
    """Where a job goes when it arrives."""

    def submit(self, job: int) -> None: ...


class _Nowhere:
    def submit(self, job: int) -> None:
        """Let the job go: nothing is noted of it."""


NOWHERE = _Nowhere()
_NO_LIMITS = RejectWhen()


class Admission:
    """The routing's pool where it takes the job; else the taking pool with the shortest expected wait, else `NOWHERE`."""

    def __init__(self, policy: AdmissionPolicy, routing: Routing, pools: Sequence[Pool], jobs: JobTable, records: Records) -> None:
        self._choose = routing.choose
        self._reject_when = policy.reject_when or _NO_LIMITS
        self._promise = policy.promise
        self._pools = pools
        self._arrival = cells(jobs.arrival_s)
        if policy.promise is not None:
            records.promised_s = np.full(len(jobs), np.nan)
            self._promised = cells(records.promised_s)

    def choose(self, job: int) -> Entry:
        pool = self._choose(job)
        if self._refuses(pool, job):
            taking = [one for one in self._pools if one.can_run(job) and not self._refuses(one, job)]
            if not taking:
                return NOWHERE
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
