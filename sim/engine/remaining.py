"""What interrupted jobs have left to do: the time their next run takes, on every node type, and what each interruption lost.

A run first pays the restart (from the second run on), then makes progress, saving it every `checkpoint_s`. Cut short, it keeps what it
saved: the share of its work that this was is gone from its time on every node type alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sim.demand.table import JobTable, cells
from sim.scenario.errors import InputError

MOST_RUNS = 10_000
_ROUNDING = 1e-6
"""Of the time between two checkpoints."""
RIGID: Mapping[int, Sequence[float]] = {}


class NeverDoneError(InputError):
    """A job that does not get through, however often it starts."""


def checkpoints(progress_s: float, every_s: float) -> int:
    """How many checkpoints a run has written; one that is due now is written, though rounding may put the instant a little before it."""
    return int(max(progress_s, 0.0) / every_s + _ROUNDING)


class Cut(NamedTuple):
    """Of a run cut short, the seconds that went into restarting and those whose work was not saved."""

    restart_s: float
    lost_s: float


class Remaining:
    """The work left of every job of a run. `table` is the run's own: its durations and GPUs are those of each job's next (or present) run.

    An elastic job's duration is the share of its work that is left, of what all takes on its size's scaling curve, and its restart.
    """

    def __init__(self, jobs: JobTable) -> None:
        self.table = replace(jobs, duration_s=jobs.duration_s.copy(), gpus=jobs.gpus.copy())
        self._left = self.table.duration_s
        self._checkpoint, self._restart, self._save = cells(jobs.checkpoint_s), cells(jobs.restart_s), cells(jobs.save_s)
        self._asked, self._whole, self._workload = cells(jobs.gpus), jobs.duration_s, cells(jobs.workload)
        self._share: dict[int, float] = {}
        self._resized: set[int] = set()
        self._pending: dict[int, float] = {}
        self._runs: dict[int, int] = {}

    def restart_s(self, job: int) -> float:
        """What the job's next (or present) run spends on starting again."""
        return self._pending.get(job, 0.0)

    def cut(self, job: int, node_type: int, ran_s: float, notice_s: float) -> Cut:
        """Take off what a run of `ran_s` seconds saved. With a notice of at least what a checkpoint takes, one is written before the end.

        InputError for a job that was cut short so often that it will not get through.
        """
        restart, progress, saved = self._parts(job, ran_s, notice_s)
        self._take_off(job, node_type, saved)
        self._count(job)
        return Cut(restart, progress - saved)

    def saved(self, job: int, node_type: int, ran_s: float) -> Cut:
        """Take off all that a run of `ran_s` seconds did, which ends as it has written a checkpoint."""
        restart = min(self.restart_s(job), ran_s)
        self._take_off(job, node_type, ran_s - restart)
        return Cut(restart, 0.0)

    def _take_off(self, job: int, node_type: int, saved_s: float) -> None:
        pending = self.restart_s(job)
        work = float(self._left[node_type, job]) - pending
        share_left = max(work - saved_s, 0.0) / work if work > 0 else 0.0
        self._left[:, job] = (self._left[:, job] - pending) * share_left + self._restart[job]
        self._pending[job] = self._restart[job]
        if self.table.scaling:
            self._share[job] = self._share.get(job, 1.0) * share_left

    def sizes(self, job: int) -> Mapping[int, Sequence[float]]:
        """Sizes of an elastic job, in order, and the time it takes on each, by node type, over that on as many GPUs as it asks for."""
        scaling = self.table.scaling
        return scaling[self._workload[job]].get(self._asked[job], RIGID) if scaling else RIGID

    def resize(self, job: int, gpus: int) -> None:
        """Let the next run of an elastic job be on so many GPUs: one of its `sizes`."""
        whole = self._whole[:, job] * np.array(self.sizes(job)[gpus])
        self._left[:, job] = whole * self._share.get(job, 1.0) + self.restart_s(job)
        self.table.gpus[job] = gpus
        self._resized.add(job)

    def prefer(self, job: int) -> None:
        """Let the next run be on as many GPUs as the job asks for."""
        if job in self._resized:
            self.resize(job, self._asked[job])
            self._resized.discard(job)

    def restart_of(self, job: int) -> float:
        """What a run after this one would spend on starting again."""
        return float(self._restart[job])

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
            saved = min(checkpoints(progress, every) * every, progress)
            if 0 < notice_s >= save:
                saved = max(saved, progress - save)
        return restart, progress, saved

    def _count(self, job: int) -> None:
        runs = self._runs[job] = self._runs.get(job, 0) + 1
        if runs > MOST_RUNS:
            raise NeverDoneError.of(
                f"a job on {self.table.gpus[job]} GPUs was interrupted {runs} times and does not get through; checkpoint more often, "
                "restart faster, ask for fewer GPUs, or give it nodes that stay longer",
                key=f"workloads.{self.table.workloads[self.table.workload[job]]}",
            )
