"""Why one job waited: each stretch of its wait with its reason, and who held the GPUs or stood in front of it meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from sim.results.blocked import FRAGMENTATION, HEAD_OF_LINE, QUEUE, REASONS, first_in_line, pool_levels
from sim.results.history import History
from sim.results.usage import overlap_s, runs
from sim.results.wait_pieces import IN_QUEUE, Pieces, wait_pieces
from sim.scenario.errors import InputError

MOST_NAMED = 5


@dataclass(frozen=True)
class Stretch:
    """Part of a wait with one reason, in (or on the way to) one pool; `after` is the cause of the interruption that it follows, if any."""

    from_s: float
    to_s: float
    reason: str
    pool: str
    after: str | None

    @property
    def seconds(self) -> float:
        return self.to_s - self.from_s


@dataclass(frozen=True)
class Other:
    """Another job that held `gpus` for some `seconds` of this one's wait, or stood in front of it for them."""

    job: int
    workload: str
    tenant: str
    gpus: int
    seconds: float


@dataclass(frozen=True)
class Why:
    """The answer. `seconds` by reason add up to `wait_s`; `held_by` are each workload's (and tenant's) shares of the GPUs in use meanwhile.

    `holders` are the jobs that held most while this one waited for them, `ahead` those in front of it that waited for more than was free.
    """

    job: int
    workload: str
    tenant: str
    gpus: int
    pool: str | None
    arrival_s: float
    start_s: float | None
    wait_s: float
    rejected: bool
    stretches: tuple[Stretch, ...]
    seconds: dict[str, float]
    held_by: dict[str, float]
    holders: tuple[Other, ...]
    ahead: tuple[Other, ...]


def why(history: History, job: int) -> Why:
    """InputError where the run has no such job."""
    jobs, records = history.jobs, history.records
    if not 0 <= job < len(jobs):
        raise InputError.of(f"found job {job}; this run has jobs 0 to {len(jobs) - 1}, the numbers of column 'job' in jobs.parquet")
    rejected = bool(records.pool[job] < 0)
    pieces = wait_pieces(jobs, records)
    stretches = () if rejected else tuple(_joined(_stretches(history, pieces, job)))
    seconds = {reason: sum(one.seconds for one in stretches if one.reason == reason) for reason in REASONS}
    queued = [one for one in stretches if one.reason == REASONS[QUEUE]]
    holders = _holders(history, queued)
    total = sum(one.gpus * one.seconds for one in holders)
    held_by: dict[str, float] = {}
    for one in holders:
        name = one.workload if one.tenant == one.workload else f"{one.workload} of {one.tenant}"
        held_by[name] = held_by.get(name, 0.0) + one.gpus * one.seconds / total
    return Why(
        job=job,
        workload=jobs.workloads[jobs.workload[job]],
        tenant=jobs.tenants[jobs.tenant[job]],
        gpus=int(jobs.gpus[job]),
        pool=None if rejected else history.pools[records.pool[job]],
        arrival_s=float(jobs.arrival_s[job]),
        start_s=None if rejected else float(records.first_start_s()[job]),
        wait_s=sum(one.seconds for one in stretches),
        rejected=rejected,
        stretches=stretches,
        seconds={reason: spent for reason, spent in seconds.items() if spent},
        held_by=dict(sorted(held_by.items(), key=lambda one: -one[1])),
        holders=_most(holders),
        ahead=_most(_ahead(history, pieces, [one for one in stretches if one.reason == REASONS[HEAD_OF_LINE]], job)),
    )


def _stretches(history: History, pieces: Pieces, job: int) -> Iterator[Stretch]:
    """The job's wait, cut wherever the state of its pool changes."""
    cuts = [(one.end_s, one.cause) for one in history.records.attempts if one.job == job]
    mine = pieces.rows(pieces.job == job)
    for row in np.argsort(mine.from_s, kind="stable").tolist():
        low, high, pool = float(mine.from_s[row]), float(mine.to_s[row]), int(mine.pool[row])
        after = next((cause for end, cause in reversed(cuts) if end <= low), None)
        if mine.reason[row] != IN_QUEUE:
            yield Stretch(low, high, REASONS[mine.reason[row]], history.pools[pool], after)
            continue
        levels = pool_levels(history.jobs, history.records, pool)
        state = levels.states(int(history.jobs.gpus[job]))
        alone = _alone(pieces.rows((pieces.pool == pool) & (pieces.reason == IN_QUEUE)), job)
        inside = levels.time_s[(levels.time_s > low) & (levels.time_s < high)].tolist()
        edges = sorted({low, high, *inside, *(edge for span in alone for edge in span if low < edge < high)})
        for start, end in pairwise(edges):
            reason = int(state[np.searchsorted(levels.time_s, start, side="right") - 1])
            if reason == HEAD_OF_LINE and any(since <= start and end <= until for since, until in alone):
                reason = FRAGMENTATION
            yield Stretch(start, end, REASONS[reason], history.pools[pool], after)


def _alone(queued: Pieces, job: int) -> list[tuple[float, float]]:
    row, low, high = first_in_line(queued)
    return [(float(low[one]), float(high[one])) for one in np.flatnonzero(queued.job[row] == job)]


def _joined(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """Neighbours of one reason as one; those between which the job ran are no neighbours."""
    joined: Stretch | None = None
    for one in stretches:
        if joined is not None and replace(one, from_s=joined.from_s, to_s=joined.to_s) == joined and one.from_s == joined.to_s:
            joined = replace(joined, to_s=one.to_s)
            continue
        if joined is not None:
            yield joined
        joined = one
    if joined is not None:
        yield joined


def _holders(history: History, queued: list[Stretch]) -> list[Other]:
    """Jobs that ran in the pool while this one waited for their GPUs."""
    run = runs(history.jobs, history.records)
    held = np.zeros(len(run.job))
    for one in queued:
        here = run.pool == history.pools.index(one.pool)
        held[here] += overlap_s(run.start_s[here], run.end_s[here], one.from_s, one.to_s)
    by_size: dict[tuple[int, int], float] = {}  # an elastic job has held several
    for row in np.flatnonzero(held).tolist():
        size = (int(run.job[row]), int(run.gpus[row]))
        by_size[size] = by_size.get(size, 0.0) + float(held[row])
    return [_other(history, job, gpus, seconds) for (job, gpus), seconds in sorted(by_size.items())]


def _ahead(history: History, pieces: Pieces, behind: list[Stretch], job: int) -> list[Other]:
    """Jobs in the same queue that left it before, while this one waited behind them."""
    waited = np.zeros(len(history.jobs))
    for one in behind:
        here = (pieces.pool == history.pools.index(one.pool)) & (pieces.reason == IN_QUEUE) & (pieces.job != job)
        mine = (pieces.job == job) & (pieces.from_s <= one.from_s) & (pieces.to_s >= one.to_s)
        left = pieces.to_s[mine].max()
        before = here & ((pieces.to_s < left) | ((pieces.to_s == left) & (pieces.job < job)))
        np.add.at(waited, pieces.job[before], overlap_s(pieces.from_s[before], pieces.to_s[before], one.from_s, one.to_s))
    return [_other(history, other, int(history.jobs.gpus[other]), float(waited[other])) for other in np.flatnonzero(waited).tolist()]


def _other(history: History, job: int, gpus: int, seconds: float) -> Other:
    jobs = history.jobs
    return Other(job, jobs.workloads[jobs.workload[job]], jobs.tenants[jobs.tenant[job]], gpus, seconds)


def _most(others: list[Other]) -> tuple[Other, ...]:
    return tuple(sorted(others, key=lambda one: (-one.gpus * one.seconds, one.job))[:MOST_NAMED])
