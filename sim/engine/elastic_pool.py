"""A pool whose elastic jobs start on fewer GPUs than they ask for where so many are not free, and shrink and grow at their checkpoints.

First in line, an elastic job starts on the largest of its sizes, up to the preferred, that fits. At each of its checkpoints it looks: where
others wait, it shrinks by as little as lets the first in line start, if it can; where nobody does, it grows onto free GPUs if that ends it
sooner, its restart included. It never grows onto nodes paid by the hour they are leased, which it would have to wait and pay for. A resize
loses no work and costs a restart; the job keeps running, and never its place.
"""

from heapq import heappush

from sim.demand.table import cells
from sim.engine.clock import ARRIVAL, Clock
from sim.engine.placement import Place, nodes_of
from sim.engine.pool import Completion, PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import RESIZE, Records
from sim.engine.remaining import Remaining, checkpoints
from sim.engine.tenant_usage import TenantUsage
from sim.engine.volatile_pool import VolatilePool

AFTER_ARRIVALS = ARRIVAL + 1
"""A look at a checkpoint comes after all else at its instant, so that it sees who came then."""


class ElasticPool(VolatilePool):
    """Whatever asks for a job's GPUs reads the run's own table, in which a running job has the size that it was given."""

    def __init__(
        self, index: int, plan: PoolPlan, queue: QueueTerms, remaining: Remaining, records: Records, clock: Clock, usage: TenantUsage
    ) -> None:
        super().__init__(index, plan, queue, remaining, records, clock, usage)
        self._every = cells(remaining.table.checkpoint_s)
        self._looks: dict[int, Completion] = {}

    # Runs

    def _begin(self, job: int, gpus: int, place: Place) -> Completion:
        completion = super()._begin(job, gpus, place)
        if self._remaining.sizes(job):
            self._look_after(job, self._remaining.restart_s(job))
        return completion

    def _look_after(self, job: int, progress_from_s: float) -> None:
        """Look when the job, which makes progress from so many seconds after its start on, writes its next checkpoint before its end."""
        made = self.clock._now - self._start[job] - progress_from_s
        every = self._every[job]
        at = self._start[job] + progress_from_s + (checkpoints(made, every) + 1) * every
        self._looks.pop(job, None)
        if at < self._end[job]:
            look = self._looks[job] = Completion([self._look], job, None)
            heappush(self._events, (at, AFTER_ARRIVALS, next(self._ids), look))

    def _forget(self, job: int, place: Place) -> None:
        super()._forget(job, place)
        look = self._looks.pop(job, None)
        if look is not None:
            look.callbacks = []

    # Starts

    def serve(self) -> None:
        if self.quota is not None:
            self.quota.hold_back()
        self._start_first()
        super().serve()

    def _make_room(self) -> None:
        self._start_first()
        super()._make_room()

    def _start_first(self) -> None:
        """Start who is first in line, on as many GPUs as fit, for as long as any do."""
        while self._queue:
            job = self._queue.head()
            gpus = self._size_that_fits(job)
            if gpus is None:
                return
            self.withdraw_first()
            self._start_on(job, gpus)

    def _size_that_fits(self, job: int) -> int | None:
        preferred: int = self._gpus[job]
        if self.placement.fits(preferred):
            return preferred
        smaller = [size for size in self._sizes(job) if size < preferred and self.placement.fits(size)]
        return max(smaller, default=None)

    def _start_on(self, job: int, gpus: int) -> None:
        if gpus != self._gpus[job]:
            self._remaining.resize(job, gpus)
        place = self.placement.take(gpus)
        assert place is not False, "it was seen to fit"
        self._begin(job, gpus, place)

    def _sizes(self, job: int) -> list[int]:
        """The sizes on which an elastic job could run here, in order; none of a rigid one."""
        node_type = self.plan.node_type
        return [size for size, times in self._remaining.sizes(job).items() if times[node_type] != float("inf")]

    # Checkpoints

    def _look(self, event: Completion) -> None:
        job = event.job
        del self._looks[job]
        run = self._runs[job]
        size = None
        if all(self.nodes.is_open(node) for node in nodes_of(run.place)):
            held = self._gpus[job]
            self.nodes.release(held, run.place)
            if self._queue:
                size = self._smaller(job, held)
            elif self._leases is None and not self._expected_gpus:
                size = self._larger(job, held)
            self.nodes.take_at(held, run.place)
        if size is None:
            self._look_after(job, self._remaining.restart_s(job))
            return
        self._stop(job, RESIZE)
        self._start_on(job, size)
        self.serve()

    def _smaller(self, job: int, held: int) -> int | None:
        """The largest size under the held one beside which the first in line starts; asked with the job's own GPUs free."""
        first = self._queue.head()
        for size in reversed([size for size in self._sizes(job) if size < held]):
            place = self.nodes.take(size)
            if place is not False:
                starts = self._size_that_fits(first) is not None
                self.nodes.release(size, place)
                if starts:
                    return size
        return None

    def _larger(self, job: int, held: int) -> int | None:
        """The size on which the job ends first, if that is a larger one that fits; asked with the job's own GPUs free."""
        node_type, times = self.plan.node_type, self._remaining.sizes(job)
        left = self._end[job] - self.clock._now
        fitting = [size for size in self._sizes(job) if size > held and self.nodes.fits(size)]
        ends = [(left * times[size][node_type] / times[held][node_type], size) for size in fitting]
        sooner = [one for one in ends if one[0] + self._remaining.restart_of(job) < left]
        return min(sooner)[1] if sooner else None
