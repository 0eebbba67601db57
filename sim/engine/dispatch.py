"""The way of a job into a pool's queue: routed, admitted (or turned away), its data brought."""

from dataclasses import dataclass

from sim.engine.admission import Admission
from sim.engine.pool import Pool
from sim.engine.records import Migrated, Records
from sim.engine.routing import Routing
from sim.engine.transfers import Transfers


@dataclass(frozen=True)
class Dispatch:
    """`admission` is None where every job is taken, `transfers` where no data have a home."""

    routing: Routing
    admission: Admission | None
    transfers: Transfers | None
    records: Records

    def send(self, job: int) -> None:
        """A job arrives."""
        pool = self.routing.choose(job)
        if self.admission is None:
            self.enter(job, pool)
        elif (admitted := self.admission.admit(job, pool)) is not None:
            self.enter(job, admitted)

    def enter(self, job: int, pool: Pool) -> None:
        """A job that was taken goes to a pool."""
        if self.transfers is None:
            pool.submit(job)
        else:
            self.transfers.bring(job, pool)

    def send_away(self, job: int, pool: Pool) -> None:
        """A job that `pool` cannot run any more goes elsewhere; it was taken once, and stays so."""
        if self.transfers is not None:
            self.transfers.leave(job, pool.index)
        other = self.routing.choose(job)
        self.records.migrations.append(Migrated(job, pool.index, other.index, pool.clock.now))
        self.enter(job, other)
