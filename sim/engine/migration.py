"""Waiting jobs go where capacity has appeared: a pool that has nothing left to start is offered what is first in line elsewhere.

It takes the job where the routing, asked anew, would now send it there and it would start sooner than where it waits. So migration keeps
the policy's own aims (a rented pool takes no job that should wait for ours). Each look costs a look at each pool, and each move starts a
gang, or holds GPUs for one whose data are on the way.
"""

from collections.abc import Sequence

from sim.engine.dispatch import Dispatch
from sim.engine.pool import Pool
from sim.engine.records import Migrated, Records


class Migration:
    """Told by pools that they idle (`offer`), and by arrivals (`send`) that time has passed."""

    def __init__(self, pools: Sequence[Pool], dispatch: Dispatch, records: Records) -> None:
        self._pools = pools
        self._dispatch = dispatch
        self._note = records.migrations.append
        self._idle: list[Pool] = []
        self._working = False

    def send(self, job: int) -> None:
        """A job arrives; then every pool that idles is offered waiting jobs: a delivery may have become late since somebody last asked."""
        self._dispatch.send(job)
        if any(pool.waiting_jobs for pool in self._pools):
            for pool in self._pools:
                if not pool.waiting_jobs:
                    self.offer(pool)

    def offer(self, idle: Pool) -> None:
        """Let a pool whose queue is empty take jobs until nothing more fits. Pools that idle meanwhile have their turn after it."""
        self._idle.append(idle)
        if self._working:
            return
        self._working = True
        while self._idle:
            pool = self._idle.pop()
            while self._take_one(pool):
                pass
        self._working = False

    def _take_one(self, idle: Pool) -> bool:
        waits = [(pool.expected_wait(pool.first_waiting()), -pool.index, pool) for pool in self._pools if pool.waiting_jobs]
        for _, _, pool in sorted(waits, key=lambda one: one[:2], reverse=True):
            job = pool.first_waiting()
            if pool is idle or not idle.can_run(job) or not idle.has_room(job):
                continue
            if idle.expected_wait(job) < pool.expected_wait_of_first() and self._dispatch.routing.choose(job) is idle:
                self._note(Migrated(job, pool.index, idle.index, pool.clock.now))
                pool.withdraw_first()
                self._dispatch.enter(job, idle)
                pool.serve()
                return True
        return False
