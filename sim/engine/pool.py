"""A pool at work: it owns its queue, places gangs, and notes when each job starts and ends.

Two events a job, its arrival and its completion; a completion is one small object whose callback frees the GPUs and starts what then
fits. The queue is strict (while its head does not fit, nothing behind it starts) unless it is backfilled.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from heapq import heappush
from typing import TYPE_CHECKING, Any

import simpy

from sim.demand.table import JobTable, cells
from sim.engine.backfill import BACKFILLS, Backfill
from sim.engine.backfill.room import Room
from sim.engine.clock import COMPLETION, Clock
from sim.engine.leases import Leases
from sim.engine.orderings import ORDERINGS, Observer, Queueing
from sim.engine.placement import PackedNodes, Place, Placement, SpreadGpus
from sim.engine.plugins import policy
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import Provisioned, Records
from sim.engine.tenant_usage import TenantUsage
from sim.scenario.units import HOUR

if TYPE_CHECKING:
    from sim.engine.quotas import Member
    from sim.engine.transfers import Transfers

Change = Generator[simpy.Event, Any, None]
"""A process that takes nodes from a pool and gives them back."""


@dataclass(frozen=True)
class PoolPlan:
    """What the engine must know of a pool: names, shape, and which row of the table's durations its nodes have.

    `keep_warm_s` is None where nodes are held whether used or not. `deliveries` are (seconds, nodes); `promised` are the dates that a
    broker may know, by which contracts say they come, and `leads` what it may expect of each delivery instead: seconds still to go at a
    time when it has not come. `changes` are what else befalls its nodes: each starts a process on the pool, which
    then is a `VolatilePool`. An elastic pool `grows_to` so many nodes; `expiring` ones leave for good. `metered` nodes are paid by the
    second while they are up, without leases; each lease or span is paid for at least `minimum_s`. Pools that name one `quota`
    share its GPUs. `usd_per_gpu_hour` is what an hour more of use costs on average: nothing where it is paid anyway.
    """

    provider: str
    name: str
    node_type: int
    nodes: int
    gpus_per_node: int
    placement: str
    keep_warm_s: float | None
    draw_delay: Callable[[], float]
    mean_delay_s: float
    deliveries: tuple[tuple[float, int], ...] = ()
    promised: tuple[float, ...] = ()
    leads: tuple[Callable[[float], float], ...] = ()
    grows_to: int = 0
    expiring: int = 0
    metered: bool = False
    minimum_s: float = 0.0
    quota: tuple[str, int] | None = None
    usd_per_gpu_hour: float = 0.0
    changes: tuple[Callable[[Any, Any], Change], ...] = ()

    @property
    def full_name(self) -> str:
        """``PROVIDER.POOL``, as figures, tables and errors have it."""
        return f"{self.provider}.{self.name}"

    @property
    def most_gpus(self) -> int:
        """GPUs once every delivery has come and an elastic pool has grown."""
        return self.gpus_without(0)

    @property
    def lasting_gpus(self) -> int:
        """GPUs once every expiry has passed too."""
        return self.gpus_without(self.expiring)

    def gpus_without(self, gone: int) -> int:
        """The most GPUs at once where so many of its nodes will not come again: the quota holds for those that are left."""
        nodes = max(self.nodes, self.grows_to) + sum(nodes for _, nodes in self.deliveries) - gone
        return self.gpus_per_node * (nodes if self.quota is None else min(nodes, self.quota[1] // self.gpus_per_node))


class Completion:
    """The end of one job; cancelled by taking its callbacks away.

    To the clock it is an event; being none of SimPy's, with slots, makes the engine 4 % faster.
    """

    __slots__ = ("_ok", "callbacks", "job", "place")

    def __init__(self, callbacks: "list[Callable[[Completion], None]]", job: int, place: Place) -> None:
        self.callbacks = callbacks
        self._ok = True
        self.job = job
        self.place = place


class Pool:
    """Nodes of one type and the jobs that wait for them."""

    def __init__(
        self, index: int, plan: PoolPlan, queue: QueueTerms, jobs: JobTable, records: Records, clock: Clock, usage: TenantUsage
    ) -> None:
        self.plan = plan
        self.clock = clock
        self._events: list[Any] = clock._queue
        self._ids = clock._eid
        self.index = index
        self.transfers: Transfers | None = None
        self.quota: Member | None = None
        self.idles: Callable[[Pool], None] | None = None
        """Told when nothing is left to start here and GPUs may be free."""
        self._records = records
        self._gpus, self._duration = cells(jobs.gpus), cells(jobs.duration_s[plan.node_type])
        self._start, self._end, self._pool = cells(records.start_s), cells(records.end_s), cells(records.pool)
        self.placement: Placement
        self._leases: Leases | None = None
        if plan.placement == "spread":
            self.placement = SpreadGpus(plan.nodes, plan.gpus_per_node)
        else:
            self.placement = nodes = PackedNodes(plan.nodes, plan.gpus_per_node)
            if plan.keep_warm_s is not None:
                self._leases = Leases(nodes, plan.keep_warm_s, plan.draw_delay)
        self._estimate_ratio = cells(jobs.estimate_ratio)
        queueing = Queueing(jobs, clock, self.estimate_s, records.start_s, usage, queue.weights)
        self._queue = policy("orderings", queue.order, ORDERINGS)(queueing)
        self._places: dict[int, Place] = {}
        self._observers: list[Observer] = [self._queue] if isinstance(self._queue, Observer) else []
        self._backfill: Backfill | None = None
        if queue.backfill is not None:
            self._backfill = BACKFILLS[queue.backfill](self._room())
            self._observers.append(self._backfill)
        self._callbacks: list[Callable[[Completion], None]] = [self._complete]
        # What a broker asks about, kept up to date: work waiting (that whose data are still on the way included, and how many GPUs it
        # asks for), and running gangs' GPUs and the sum of GPUs × end.
        self._waiting_gpu_s = 0.0
        self._expected_gpus = 0
        self._busy = 0
        self._busy_until = 0.0

    def submit(self, job: int) -> None:
        """Start a job now if it is first in line and fits, or may overtake, else queue it."""
        queue, backfill, gpus = self._queue, self._backfill, self._gpus[job]
        alone = not queue and backfill is None
        if alone:
            place = self.placement.take(gpus)
            if place is not False:
                self._begin(job, gpus, place)
                return
        queue.push(job)
        self._waiting_gpu_s += gpus * self._duration[job]
        if backfill is not None:
            backfill.arrived(job)
        elif not alone and queue.head() == job:  # it goes ahead of all that wait, and may fit where they do not
            self.serve()

    def _begin(self, job: int, gpus: int, place: Place) -> Completion:
        start = now = self.clock._now
        if self._leases is not None:
            start = self._leases.start_of(place, gpus, now)
            if start > now:
                self._records.provisioned.append(Provisioned(job, self.index, now, start, gpus))
        end = start + self._duration[job]
        self._start[job] = start
        self._end[job] = end
        self._pool[job] = self.index
        self._busy += gpus
        self._busy_until += gpus * end
        completion = Completion(self._callbacks, job, place)
        heappush(self._events, (end, COMPLETION, next(self._ids), completion))  # Clock.at, in place
        if self._observers:
            self._places[job] = place
            for observer in self._observers:
                observer.began(job)
        return completion

    def _complete(self, event: Completion) -> None:
        job = event.job
        gpus = self._gpus[job]
        self.placement.release(gpus, event.place)
        self._busy -= gpus
        self._busy_until -= gpus * self._end[job]
        if self._leases is not None:
            self._leases.idle(event.place, self.clock._now)
        if self._observers:
            self._tell_ended(job)
        if self._queue or self.idles is not None:
            self.serve()

    def _tell_ended(self, job: int) -> None:
        for observer in self._observers:
            observer.ended(job)
        self._places.pop(job, None)

    def serve(self) -> None:
        """Start waiting jobs, in order, until the first that does not fit; then those that may overtake it."""
        if self.quota is not None:
            self.quota.hold_back()
        if self._backfill is not None:
            self._backfill.serve()
            if self._queue:
                return
        queue, take, all_gpus = self._queue, self.placement.take, self._gpus
        while queue:
            job = queue.head()
            gpus = all_gpus[job]
            place = take(gpus)
            if place is False:
                return
            queue.pop()
            self._waiting_gpu_s -= gpus * self._duration[job]
            self._begin(job, gpus, place)
        if self.idles is not None:
            self.idles(self)

    def observe(self, observer: Observer) -> None:
        """Tell it of each run from now on."""
        self._observers.append(observer)

    def place_of(self, job: int) -> Place:
        """Where a running job is, as observers may know it."""
        return self._places[job]

    @property
    def leases(self) -> Leases:
        assert self._leases is not None, "asked of leased pools only"
        return self._leases

    def has_room(self, job: int) -> bool:
        """Whether the job would be given GPUs at once, beside those whose data are on the way."""
        return not self._queue and self.placement.fits(self._gpus[job] + self._expected_gpus)

    def first_waiting(self) -> int:
        return self._queue.head()

    def withdraw_first(self) -> None:
        """Take the first in line out of the queue; `serve` follows, for the next may fit."""
        self._withdrawn(self._queue.pop())

    def _withdrawn(self, job: int) -> None:
        """Count a job that was taken out of the queue as waiting here no more."""
        self._waiting_gpu_s -= self._gpus[job] * self._duration[job]
        if self._backfill is not None:
            self._backfill.withdrawn(job)

    def expect(self, job: int) -> None:
        """Count a job that was sent here and whose data are on the way; `take_in` follows."""
        self._expected_gpus += self._gpus[job]
        self._waiting_gpu_s += self._gpus[job] * self._duration[job]

    def take_in(self, job: int) -> None:
        """Queue an expected job where it would stand had it been here since it arrived."""
        self._expected_gpus -= self._gpus[job]
        self._queue.again(job)
        self.serve()

    def estimate_s(self, job: int) -> float:
        """Seconds that the job would run here by its user's estimate."""
        return float(self._estimate_ratio[job] * self._duration[job])

    def _room(self) -> Room:
        assert isinstance(self.placement, PackedNodes | SpreadGpus)

        def ends_s(job: int) -> float:
            return float(self._start[job] + self.estimate_s(job))

        def start(job: int, place: Place) -> None:
            self._queue.remove(job)
            gpus = self._gpus[job]
            self._waiting_gpu_s -= gpus * self._duration[job]
            self._begin(job, gpus, place)

        return Room(self.clock, self._queue, self.placement, self._gpus, self.estimate_s, ends_s, self._places, start, self.due)

    @property
    def at_work(self) -> bool:
        """Whether a job runs or waits here."""
        return bool(self._busy or self._queue)

    @property
    def busy_gpus(self) -> int:
        """Those of the jobs that run here."""
        return self._busy

    @property
    def waiting_jobs(self) -> int:
        return len(self._queue)

    def starts_now(self, job: int) -> bool:
        """Whether the job would be given GPUs at once."""
        return not self._queue and self.placement.fits(self._gpus[job])

    def deliver(self, nodes: int) -> None:
        """Add nodes now and let the queue have them."""
        self.placement.add_nodes(nodes)
        self._note_held()
        self.serve()

    @property
    def held(self) -> int:
        """Nodes that are here, those that a quota holds back included."""
        return self.placement.nodes

    def _note_held(self) -> None:
        self._records.note_capacity(self.index, self.clock._now, self.held * self.plan.gpus_per_node)

    def note_closed(self, gpus: int) -> None:
        """Note that so many of the GPUs held may not be leased now."""
        self._records.note_closed(self.index, self.clock.now, gpus)

    def close(self) -> None:
        """End the run: hand over the spans for which on-demand nodes are paid."""
        if self._leases is not None:
            self._leases.close()
            self._records.note_leases(self.index, self._leases.from_s, self._leases.to_s)

    def can_run(self, job: int) -> bool:
        """Whether this pool could ever run the job."""
        return bool(self._gpus[job] <= self.plan.most_gpus and self._duration[job] != float("inf"))

    def run_s(self, job: int) -> float:
        """Seconds that the job would run here."""
        return float(self._duration[job])

    def transfer_s(self, job: int) -> float:
        """Seconds that the job's data would take to get here."""
        return 0.0 if self.transfers is None else self.transfers.seconds(job, self.index)

    def expected_usd(self, job: int) -> float:
        """What running the job here would cost more than not running it: GPUs that are not paid anyway, and moving its data."""
        moving = 0.0 if self.transfers is None else self.transfers.usd(job, self.index)
        return float(self._gpus[job] * self._duration[job] * self.plan.usd_per_gpu_hour / HOUR + moving)

    def expected_wait(self, job: int) -> float:
        """Seconds the job would wait here, as a broker can know it: for GPUs, or for its data where they take longer."""
        wait = self._expected_queueing(job)
        return wait if self.transfers is None else max(wait, self.transfers.seconds(job, self.index))

    def _expected_queueing(self, job: int) -> float:
        """Work ahead over capacity, and what a cold node takes to answer.

        Exact for an empty pool; for a full one it is the fluid estimate, whose mean over M/M/c is the mean wait of those who wait.
        """
        now, gpus, placement = self.clock._now, self._gpus[job], self.placement
        if gpus > placement.capacity:
            return self._until_capacity(now) + self._waiting_gpu_s / self.plan.most_gpus
        if self.has_room(job):
            cold = self._leases is not None and self._leases.expects_delay(gpus, now)
            return self.plan.mean_delay_s if cold else 0.0
        left = self._busy_until / self._busy - now if self._busy else 0.0
        return float((self._waiting_gpu_s + gpus * left) / placement.capacity)

    def expected_wait_of_first(self) -> float:
        """Seconds that the first in line will still wait, as a broker can know it."""
        now, gpus, capacity = self.clock._now, self._gpus[self._queue.head()], self.placement.capacity
        if gpus > capacity:
            return self._until_capacity(now)
        return float(gpus * (self._busy_until / self._busy - now) / capacity) if self._busy else 0.0

    def due(self) -> list[tuple[float, int]]:
        """(seconds, nodes) that are to come, each when a broker may expect it, soonest first: those past their date in as long again."""
        plan, now = self.plan, self.clock._now
        after = [still_s(now) for still_s in plan.leads] or [abs(date - now) for date in plan.promised]
        return sorted((now + after_s, nodes) for (came, nodes), after_s in zip(plan.deliveries, after, strict=False) if came > now)

    def _until_capacity(self, now: float) -> float:
        """Until the next delivery, as promised or as its lead time goes; what is late by some time is expected to take as long again."""
        plan = self.plan
        leads = [(came, still_s) for (came, _), still_s in zip(plan.deliveries, plan.leads, strict=False)]
        ahead = [date - now for date in plan.promised if date > now] + [still_s(now) for came, still_s in leads if came > now]
        return min(ahead, default=now - max([*plan.promised, *(came for came, _ in leads)], default=0.0))
