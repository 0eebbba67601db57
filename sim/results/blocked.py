"""Why jobs waited: every second of every wait has one reason, worked out from the records after the run.

A job waits with its data on the way (`data`), for nodes it was promised by the provider's answer (`provisioning`), or in a pool's queue.
There, at each instant, with the GPUs that the pool held, those of them broken, and those in use:

- `no_capacity`: the pool holds fewer GPUs than the job asks for: a delivery, or a pool that grows, is still to come;
- `broken`: it would fit, were nothing broken;
- `quota`: it would fit, were the pool's nodes not held back because others use up the provider's quota;
- `queue`: running jobs hold the GPUs;
- `head_of_line`: enough GPUs are free, and a job ahead of it (one that started no later) waits for more, or keeps them for itself;
- `fragmentation`: enough are free and nobody is ahead, but they are scattered over nodes, or on nodes about to leave.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.demand.table import Floats, JobTable
from sim.engine.records import Records
from sim.results.usage import runs
from sim.results.wait_pieces import IN_QUEUE, PROVISIONING, Ints, Pieces, wait_pieces

REASONS = ("data", "provisioning", "no_capacity", "broken", "quota", "queue", "head_of_line", "fragmentation")
NO_CAPACITY, BROKEN, QUOTA, QUEUE, HEAD_OF_LINE, FRAGMENTATION = range(PROVISIONING + 1, len(REASONS))
_FREE = HEAD_OF_LINE
"""Until it is known who is ahead, enough GPUs being free counts as this."""


@dataclass(frozen=True)
class Levels:
    """A pool's GPUs over time, constant from each `time_s` to the next: held, broken, closed by a quota, in use (or asked for by a job)."""

    time_s: Floats
    held: Floats
    broken: Floats
    closed: Floats
    used: Floats

    def states(self, gpus: int) -> Ints:
        """What a job of that many GPUs meets, by step: one of the reasons; `_FREE` where enough GPUs are free."""
        free = self.held - self.broken - self.closed - self.used
        state = np.full(len(self.time_s), _FREE)
        state[free < gpus] = QUEUE
        state[(free < gpus) & (free + self.closed >= gpus)] = QUOTA
        state[(free < gpus) & (free + self.broken >= gpus)] = BROKEN
        state[self.held < gpus] = NO_CAPACITY
        return state


def pool_levels(jobs: JobTable, records: Records, pool: int) -> Levels:
    """The levels of one pool, from the start to the last end of any run."""
    run = runs(jobs, records)
    here = run.pool == pool
    asked = [one for one in records.provisioned if one.pool == pool]
    gpus = run.gpus[here].astype(np.float64)
    waiting = np.array([one.gpus for one in asked], np.float64)
    parts: list[tuple[int, Floats, Floats]] = [
        (3, run.start_s[here], gpus),
        (3, run.end_s[here], -gpus),
        (3, np.array([one.asked_s for one in asked]), waiting),
        (3, np.array([one.ready_s for one in asked]), -waiting),
    ]
    for kind, steps in ((0, records.capacity), (1, records.down), (2, records.closed)):
        time = np.array([at for which, at, _ in steps if which == pool], np.float64)
        level = np.array([float(count) for which, _, count in steps if which == pool], np.float64)
        parts.append((kind, time, np.diff(level, prepend=0.0)))
    parts.append((0, np.array([0.0, float(np.nanmax(records.end_s, initial=0.0))]), np.zeros(2)))
    times = np.concatenate([time for _, time, _ in parts])
    order = np.argsort(times, kind="stable")
    levels = []
    for kind in range(4):
        change = np.concatenate([step if part == kind else np.zeros(len(step)) for part, _, step in parts])
        levels.append(np.cumsum(change[order]))
    return Levels(times[order], *levels)


def first_in_line(pieces: Pieces) -> tuple[Ints, Floats, Floats]:
    """When each piece of one pool's queue was ahead of all others: (row, from, to). Ahead is who leaves the queue first.

    Taken in the order in which they leave, the time that those before have covered is a stack of disjoint spans, of which each
    piece merges the ones that it meets: what it finds uncovered was its own. Constant work a piece on average.
    """
    row: list[int] = []
    low: list[float] = []
    high: list[float] = []
    covered: list[tuple[float, float]] = []
    order = np.lexsort((pieces.job, pieces.to_s)).tolist()
    begins, ends = pieces.from_s.tolist(), pieces.to_s.tolist()
    for one in order:
        begin, top = begins[one], ends[one]
        least = begin
        while covered and covered[-1][1] > begin:
            since, until = covered.pop()
            if until < top:
                row.append(one)
                low.append(until)
                high.append(top)
            top = since
            least = min(least, since)
        if top > begin:
            row.append(one)
            low.append(begin)
            high.append(top)
        covered.append((least, ends[one]))
    return np.array(row, np.int64), np.array(low), np.array(high)


def blocked_seconds(jobs: JobTable, records: Records, pieces: Pieces | None = None) -> Floats:
    """Seconds by job and reason, of shape (jobs, reasons); a job's row adds up to its wait. `pieces` where its parts are known already."""
    pieces = wait_pieces(jobs, records) if pieces is None else pieces
    seconds = np.zeros((len(jobs), len(REASONS)))
    known = pieces.reason != IN_QUEUE
    np.add.at(seconds, (pieces.job[known], pieces.reason[known]), (pieces.to_s - pieces.from_s)[known])
    for pool in np.unique(pieces.pool[~known]).tolist():
        queued = pieces.rows(~known & (pieces.pool == pool))
        levels = pool_levels(jobs, records, pool)
        row, low, high = first_in_line(queued)
        gpus = jobs.gpus[queued.job]
        for size in np.unique(gpus).tolist():
            state, mine = levels.states(size), gpus == size
            for reason in np.unique(state).tolist():
                passed = _time_in(levels.time_s, state == reason)
                spent = np.interp(queued.to_s[mine], levels.time_s, passed) - np.interp(queued.from_s[mine], levels.time_s, passed)
                np.add.at(seconds, (queued.job[mine], reason), spent)
                if reason == _FREE:
                    ahead = mine[row]
                    alone = np.interp(high[ahead], levels.time_s, passed) - np.interp(low[ahead], levels.time_s, passed)
                    np.add.at(seconds, (queued.job[row[ahead]], FRAGMENTATION), alone)
                    np.add.at(seconds, (queued.job[row[ahead]], HEAD_OF_LINE), -alone)
    return np.maximum(seconds, 0.0)  # rounding may leave −1e-10


def _time_in(time_s: Floats, state: NDArray[np.bool_]) -> Floats:
    """Seconds spent in the state up to each time."""
    return np.concatenate([[0.0], np.cumsum(np.diff(time_s) * state[:-1])])


def blocked_figures(jobs: JobTable, records: Records, warmup_s: float, pieces: Pieces | None = None) -> dict[str, float]:
    """``blocked.REASON``: the mean seconds that jobs waited for that reason, of all and by workload; they add up to ``wait.mean``."""
    seconds = blocked_seconds(jobs, records, pieces)
    measured = (jobs.arrival_s >= warmup_s) & records.accepted
    groups = {"": measured} | {f"workload.{name}.": measured & (jobs.workload == index) for index, name in enumerate(jobs.workloads)}
    return {
        f"{prefix}blocked.{reason}": float(seconds[rows, index].mean())
        for prefix, rows in groups.items()
        if rows.any()
        for index, reason in enumerate(REASONS)
    }
