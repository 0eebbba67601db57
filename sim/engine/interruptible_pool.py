"""A pool whose runs can be interrupted: cut short for others, or because what they run on goes away, and queued again.

It is a `Pool` that also knows which runs are on which node: what that costs is paid here only, so that steady pools stay as fast as they
are.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np

from sim.engine.clock import Clock
from sim.engine.placement import PackedNodes, Place, nodes_of
from sim.engine.plugins import policy
from sim.engine.pool import Completion, Pool, PoolPlan
from sim.engine.preemptions import PREEMPTIONS, Preemption, Yielding
from sim.engine.preemptions.victims import victims
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import RESIZE, Attempt, Records
from sim.engine.remaining import Remaining
from sim.engine.tenant_usage import TenantUsage

PREEMPTION = "preemption"
GRACEFUL_S = float("inf")
"""Notice of a preemption: who makes room may first write a checkpoint."""


class InterruptiblePool(Pool):
    """Pools of a run share `remaining`. `reroute` takes a job that can never run here again."""

    def __init__(
        self, index: int, plan: PoolPlan, queue: QueueTerms, remaining: Remaining, records: Records, clock: Clock, usage: TenantUsage
    ) -> None:
        super().__init__(index, plan, queue, remaining.table, records, clock, usage)
        assert isinstance(self.placement, PackedNodes), "nodes that runs are on must be known by number"
        self.nodes: PackedNodes = self.placement
        self.reroute: Callable[[int], None] = self._again
        self.completed = 0
        self._remaining = remaining
        self._runs: dict[int, Completion] = {}
        self._on: list[set[int]] = [set() for _ in range(self.nodes.nodes)]
        self._attained: dict[int, float] = {}
        self._made_room: Counter[int] = Counter()
        self._preemption: Preemption | None = None
        if queue.preemption is not None:
            self._most_yields = queue.preemption.at_most
            yielding = Yielding(remaining.table, queue.preemption, self.attained_gpu_s)
            self._preemption = policy("preemptions", queue.preemption.policy, PREEMPTIONS)(yielding)

    def _begin(self, job: int, gpus: int, place: Place) -> Completion:
        completion = super()._begin(job, gpus, place)
        self._runs[job] = completion
        for node in nodes_of(place):
            self._on[node].add(job)
        return completion

    def _forget(self, job: int, place: Place) -> None:
        del self._runs[job]
        for node in nodes_of(place):
            self._on[node].discard(job)

    def _complete(self, event: Completion) -> None:
        self._forget(event.job, event.place)
        self.completed += 1
        super()._complete(event)

    def interrupt(self, job: int, cause: str, notice_s: float = 0.0) -> None:
        """Cut a run short and queue its job again. It keeps the work up to its last checkpoint; warned, it may have time to write one."""
        self._stop(job, cause, notice_s)
        self._remaining.prefer(job)
        if self.can_run(job):
            self._again(job)
        else:
            self.reroute(job)

    def _stop(self, job: int, cause: str, notice_s: float = 0.0) -> None:
        run, now, gpus, start = self._runs[job], self.clock._now, self._gpus[job], self._start[job]
        run.callbacks = []
        self._forget(job, run.place)
        self._busy -= gpus
        self._busy_until -= gpus * self._end[job]
        self.placement.release(gpus, run.place)
        if self._leases is not None:
            self._leases.idle(run.place, now)
        if self._observers:
            self._tell_ended(job)
        if now < start:
            self._records.note_lost_before_ready(job, now)
        if now > start:  # else its nodes had not come yet, and it loses nothing
            self._attained[job] = self._attained.get(job, 0.0) + gpus * (now - start)
            if cause == RESIZE:
                cut = self._remaining.saved(job, self.plan.node_type, now - start)
            else:
                cut = self._remaining.cut(job, self.plan.node_type, now - start, notice_s)
            self._records.attempts.append(Attempt(job, self.index, start, now, cut.restart_s, cut.lost_s, cause, gpus))
        self._start[job] = self._end[job] = np.nan

    def interrupt_node(self, node: int, cause: str, notice_s: float = 0.0) -> None:
        """Interrupt every run on the node."""
        for job in sorted(self._on[node]):
            self.interrupt(job, cause, notice_s)

    def _again(self, job: int) -> None:
        self._queue.again(job)
        self._waiting_gpu_s += self._gpus[job] * self._duration[job]

    # Runs that make room for others, and what is asked about them

    def submit(self, job: int) -> None:
        super().submit(job)
        self._make_room()

    def serve(self) -> None:
        super().serve()
        self._make_room()

    def attained_gpu_s(self, job: int) -> float:
        """GPU-seconds that the job's runs here have had up to now."""
        running = self.clock._now - self._start[job] if job in self._runs else 0.0
        return float(self._attained.get(job, 0.0) + self._gpus[job] * max(running, 0.0))

    @property
    def waiting_gpu_s(self) -> float:
        return self._waiting_gpu_s

    def first_in_line(self) -> tuple[float, int]:
        """Seconds since the first in line came, and its GPUs; zeros where nobody waits."""
        if not self._queue:
            return 0.0, 0
        job = self._queue.head()
        return self.clock._now - float(self._remaining.table.arrival_s[job]), self._gpus[job]

    def _make_room(self) -> None:
        """Interrupt runs that yield to the first in line, for as long as that lets one start."""
        preemption = self._preemption
        while preemption is not None and self._queue and preemption.asks(job := self._queue.head()):
            chosen = self._victims(preemption, job)
            if not chosen:
                return
            self.withdraw_first()  # before those that make room come back, perhaps ahead of it
            gpus = self._gpus[job]
            for victim in chosen:
                self._made_room[victim] += 1
                self.interrupt(victim, PREEMPTION, GRACEFUL_S)
            place = self.placement.take(gpus)
            assert place is not False, "those that made room held what was lacking"
            self._begin(job, gpus, place)
            super().serve()

    def _victims(self, preemption: Preemption, job: int) -> list[int] | None:
        most = self._most_yields

        def yields(running: int) -> bool:
            return (most is None or self._made_room[running] < most) and preemption.yields(running, job)

        def lost_gpu_s(running: int) -> float:
            ran = max(self.clock._now - self._start[running], 0.0)
            return float(self._gpus[running] * self._remaining.would_lose_s(running, ran, GRACEFUL_S))

        return victims(self._gpus[job], self.nodes, self._on, self._gpus.__getitem__, yields, lost_gpu_s)
