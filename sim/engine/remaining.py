"""What interrupted jobs have left to do: the time their next run takes, on every node type, and what each interruption lost.

A run first pays the restart (from the second run on), then makes progress, saving it every `checkpoint_s`. Cut short, it keeps what it
saved: the share of its work that this was is gone from its time on every node type alike.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sim.demand.table import JobTable, cells
from sim.scenario.errors import InputError

MOST_RUNS = 10_000


class Cut(NamedTuple):
    """Of a run cut short, the seconds that went into restarting and those whose work was not saved."""

    restart_s: float
    lost_s: float


class Remaining:
    """The work left of every job of a run. `table` is the run's own: its durations are those of each job's next run."""

    def __init__(self, jobs: JobTable) -> None:
        self.table = replace(jobs, duration_s=jobs.duration_s.copy())
        self._left = self.table.duration_s
        self._checkpoint, self._restart, self._save = cells(jobs.checkpoint_s), cells(jobs.restart_s), cells(jobs.save_s)
        self._pending: dict[int, float] = {}
        self._runs: dict[int, int] = {}

    def restart_s(self, job: int) -> float:
        """What the job's next (or present) run spends on starting again."""
        return self._pending.get(job, 0.0)

    def cut(self, job: int, node_type: int, ran_s: float, notice_s: float) -> Cut:
        """Take off what a run of `ran_s` seconds saved. With a notice of at least what a checkpoint takes, one is written before the end.

        InputError for a job that was cut short so often that it will not get through.
        """
        pending = self.restart_s(job)
        restart, progress, saved = self._parts(job, ran_s, notice_s)
        work = float(self._left[node_type, job]) - pending
        share_left = max(work - saved, 0.0) / work if work > 0 else 0.0
        self._left[:, job] = (self._left[:, job] - pending) * share_left + self._restart[job]
        self._pending[job] = self._restart[job]
        self._count(job)
        return Cut(restart, progress - saved)

    def would_lose_s(self, job: int, ran_s: float, notice_s: float) -> float:
        """Seconds of a run of `ran_s` whose work would be gone were it cut short now."""
        _, progress, saved = self._parts(job, ran_s, notice_s)
        return progress - saved

    def _parts(self, job: int, ran_s: float, notice_s: float) -> tuple[float, float, float]:
        """Of a run's seconds, those of restarting and of progress; and of the latter those that were saved."""
        restart = min(self.restart_s(job), ran_s)
        progress = ran_s - restart
        every, save = self._checkpoint[job], self._save[job]
        saved = 0.0
        if every < np.inf:
            saved = progress // every * every
            if 0 < notice_s >= save:
                saved = max(saved, progress - save)
        return restart, progress, saved

    def _count(self, job: int) -> None:
        runs = self._runs[job] = self._runs.get(job, 0) + 1
        if runs > MOST_RUNS:
            raise InputError.of(
                f"a job on {self.table.gpus[job]} GPUs was interrupted {runs} times and does not get through; checkpoint more often, "
                "restart faster, ask for fewer GPUs, or give it nodes that stay longer",
                key=f"workloads.{self.table.workloads[self.table.workload[job]]}",
            )
