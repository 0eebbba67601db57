"""Waits in parts: each lies in one pool's queue, or is known to be spent on data that move or on nodes that were asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sim.demand.table import Floats, JobTable
from sim.engine.records import Records
from sim.results.usage import queued_from_s, runs

IN_QUEUE, DATA, PROVISIONING = -1, 0, 1
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """Parts of waits, one row each: in which pool's queue, or (`reason`) with data on the way or nodes asked for."""

    job: Ints
    pool: Ints
    from_s: Floats
    to_s: Floats
    reason: Ints

    def rows(self, which: NDArray[np.bool_]) -> "Pieces":
        return Pieces(self.job[which], self.pool[which], self.from_s[which], self.to_s[which], self.reason[which])


def wait_pieces(jobs: JobTable, records: Records) -> Pieces:
    """All waits, cut where a job's data moved, where it changed queues and where nodes were asked for. They add up to the waits."""
    run, since = runs(jobs, records), queued_from_s(jobs, records)
    waited = run.start_s > since
    job, pool, from_s, to_s = run.job[waited], run.pool[waited], since[waited], run.start_s[waited]
    moves: dict[int, list[tuple[float, float, int, int]]] = {}
    for one in records.transfers:
        moves.setdefault(one.job, []).append((one.start_s, one.end_s, DATA, one.target))
    for move in records.migrations:
        moves.setdefault(move.job, []).append((move.time_s, move.time_s, IN_QUEUE, move.source))
    for asked in records.provisioned:
        moves.setdefault(asked.job, []).append((asked.asked_s, asked.ready_s, PROVISIONING, asked.pool))
    plain = ~np.isin(job, np.fromiter(moves, np.int64, len(moves)))
    cut = [
        (int(one), *part)
        for one, place, low, high in zip(job[~plain], pool[~plain], from_s[~plain], to_s[~plain], strict=True)
        for part in _cut(int(place), float(low), float(high), moves[int(one)])
    ]
    rows = [np.array(column) for column in zip(*cut, strict=True)] if cut else [np.empty(0)] * 5
    return Pieces(
        np.concatenate([job[plain], rows[0].astype(np.int64)]),
        np.concatenate([pool[plain], rows[1].astype(np.int64)]),
        np.concatenate([from_s[plain], rows[2]]),
        np.concatenate([to_s[plain], rows[3]]),
        np.concatenate([np.full(int(plain.sum()), IN_QUEUE), rows[4].astype(np.int64)]),
    )


def _cut(pool: int, low: float, high: float, moves: list[tuple[float, float, int, int]]) -> Iterator[tuple[int, float, float, int]]:
    """One wait in parts: (pool, from, to, reason). Of a migration `moves` has the pool that the job left."""
    inside = [(max(start, low), min(end, high), reason, place) for start, end, reason, place in moves if start <= high and end >= low]
    edges = sorted({low, high, *(start for start, *_ in inside), *(end for _, end, *_ in inside)})
    left = sorted((start, place) for start, _, reason, place in inside if reason == IN_QUEUE)
    for start, end in pairwise(edges):
        under_way = [(reason, place) for begun, done, reason, place in inside if begun <= start and end <= done and begun < done]
        here = next((place for time, place in left if time > start), pool)
        yield (under_way[0][1], start, end, under_way[0][0]) if under_way else (here, start, end, IN_QUEUE)
