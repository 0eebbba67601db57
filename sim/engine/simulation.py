"""One replication: a job table and pool plans in, records out. The same inputs give the same bytes, on any machine, in any process."""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import simpy

from sim.demand.table import JobTable, cells
from sim.engine.admission import Admission
from sim.engine.clock import ARRIVAL, Clock
from sim.engine.dispatch import Dispatch
from sim.engine.elastic_pool import ElasticPool
from sim.engine.links import Links
from sim.engine.migration import Migration
from sim.engine.pool import Pool, PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.quotas import share_quotas
from sim.engine.records import Records
from sim.engine.remaining import Remaining
from sim.engine.routing import RoutingTerms, routing_of
from sim.engine.tenant_usage import TenantUsage
from sim.engine.transfers import Transfers
from sim.engine.volatile_pool import VolatilePool
from sim.engine.watch import Watch
from sim.scenario.admission import AdmissionPolicy

ACCEPT_ALL, FIFO, PREFER = AdmissionPolicy(), QueueTerms(), RoutingTerms()


class _Arrivals(simpy.Event):
    """The next arrival: one event that walks the table, scheduled anew for each instant at which jobs arrive."""

    def __init__(self, jobs: JobTable, send: Callable[[int], None], clock: Clock) -> None:
        super().__init__(clock)
        self._ok = True
        self._clock = clock
        self._send = send
        self._times = cells(jobs.arrival_s)
        self._next = 0
        self._count = len(jobs)
        self._again = [self._arrive]
        self._schedule()

    @property
    def over(self) -> bool:
        return self._next >= self._count

    def _schedule(self) -> None:
        if self._next < self._count:
            self.callbacks = self._again  # type: ignore[assignment]
            self._clock.at(self._times[self._next], ARRIVAL, self)

    def _arrive(self, _: simpy.Event) -> None:
        job, times, send = self._next, self._times, self._send
        now = times[job]
        while job < self._count and times[job] == now:
            send(job)
            job += 1
        self._next = job
        self._schedule()


def _deliveries(clock: Clock, pool: Pool, after_s: float, nodes: int) -> Generator[simpy.Event, Any, None]:
    yield clock.until(after_s)
    pool.deliver(nodes)


def simulate(
    jobs: JobTable,
    plans: Sequence[PoolPlan],
    *,
    queue: QueueTerms = FIFO,
    routing: RoutingTerms = PREFER,
    admission: AdmissionPolicy = ACCEPT_ALL,
    links: Links | None = None,
) -> Records:
    """Run every job of the table to its end, those that `admission` turns away aside.

    `queue` says how every pool orders its queue; `links` are those over which data with a home move. Every job must fit some pool
    (`sim.engine.unplaceable.refuse_unplaceable`).
    """
    interrupted = [jobs.elastic or bool(plan.changes) or queue.preemption is not None for plan in plans]
    remaining = Remaining(jobs) if any(interrupted) else None
    table = remaining.table if remaining is not None else jobs
    clock, records = Clock(), Records.empty(table.gpus)
    usage = TenantUsage(table, clock, records.start_s, queue.half_life_s)
    volatile = ElasticPool if jobs.elastic else VolatilePool
    pools = [
        volatile(index, plan, queue, remaining, records, clock, usage)
        if interrupted[index] and remaining is not None
        else Pool(index, plan, queue, table, records, clock, usage)
        for index, plan in enumerate(plans)
    ]
    for index, pool in enumerate(pools):
        records.note_capacity(index, 0.0, pool.placement.capacity)
        for after_s, nodes in pool.plan.deliveries:
            clock.process(_deliveries(clock, pool, after_s, nodes))
    share_quotas(pools, clock)
    transfers = Transfers(links, table, records, clock) if links is not None else None
    gate = None if admission == ACCEPT_ALL else Admission(admission, pools, table, records)
    dispatch = Dispatch(routing_of(routing, pools, table, clock), gate, transfers, records)
    plain = len(pools) == 1 and gate is None and transfers is None
    send = pools[0].submit if plain else dispatch.send
    if routing.migrate and not plain:
        migration = Migration(pools, dispatch, records)
        for pool in pools:
            pool.idles = migration.offer
        send = migration.send
    arrivals = _Arrivals(table, send, clock)
    watch = Watch(lambda: not arrivals.over or (transfers is not None and bool(transfers.under_way)), pools)
    for pool in pools:
        pool.transfers = transfers
        if isinstance(pool, VolatilePool):
            pool.reroute = partial(dispatch.send_away, pool=pool)
            for change in pool.plan.changes:
                clock.process(change(pool, watch))
    clock.run_out()
    for pool in pools:
        pool.close()
    return records
