"""Data on the move: a job's data are brought to the pool it was sent to, and only then does it queue there.

So GPUs never wait for data, and are paid only while the job runs; once its data are there, a job stands in line by its arrival. Each
move has the whole bandwidth of its link. Data stay where they were last moved to, and a job that ran leaves its checkpoint there.
"""

import simpy

from sim.demand.table import JobTable, cells
from sim.engine.clock import SUPPLY, Clock
from sim.engine.links import Links
from sim.engine.pool import Pool
from sim.engine.records import Records, Transfer


class Transfers:
    """Where each job's data are, and the moves that are under way."""

    def __init__(self, links: Links, jobs: JobTable, records: Records, clock: Clock) -> None:
        self._homes = links.homes
        self._seconds, self._usd = links.seconds_per_byte.tolist(), links.usd_per_byte.tolist()
        self._workload, self._bytes = cells(jobs.workload), cells(jobs.data_bytes)
        self._moved: dict[int, int] = {}
        self._clock = clock
        self._note = records.transfers.append
        self.under_way = 0

    def _source(self, job: int, to: int) -> int:
        """The pool that would send the job's data: the fastest, then the cheapest; `to` itself where nothing has to move."""
        if job in self._moved:
            return self._moved[job]
        homes = self._homes[self._workload[job]]
        if not homes or to in homes:
            return to
        nearest: int = min(homes, key=lambda home: (self._seconds[home][to], self._usd[home][to]))
        return nearest

    def seconds(self, job: int, to: int) -> float:
        """How long the job's data would take to pool `to`."""
        return float(self._bytes[job] * self._seconds[self._source(job, to)][to])

    def usd(self, job: int, to: int) -> float:
        """What moving them there would cost."""
        return float(self._bytes[job] * self._usd[self._source(job, to)][to])

    def leave(self, job: int, at: int) -> None:
        """Note that the job's data are at this pool now: it ran there."""
        if self._homes[self._workload[job]]:
            self._moved[job] = at

    def bring(self, job: int, pool: Pool) -> None:
        """Send the job to a pool, its data ahead of it."""
        to = pool.index
        source, size = self._source(job, to), self._bytes[job]
        if source == to or not size:
            pool.submit(job)
            return
        now, seconds = self._clock.now, self.seconds(job, to)
        self._moved[job] = to
        self._note(Transfer(job, source, to, now, now + seconds, size))
        if not seconds:
            pool.submit(job)
            return
        self.under_way += 1
        pool.expect(job)
        arrived = simpy.Event(self._clock)
        arrived._ok, arrived._value = True, None
        arrived.callbacks = [lambda _: self._arrive(job, pool)]
        self._clock.at(now + seconds, SUPPLY, arrived)

    def _arrive(self, job: int, pool: Pool) -> None:
        self.under_way -= 1
        pool.take_in(job)
