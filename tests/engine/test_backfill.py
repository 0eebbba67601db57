"""Backfilling by its promises: nobody that must not be delayed is, estimates true or too long, and waits shrink on real work."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.demand.traces import read_trace
from sim.engine.backfill.conservative import Conservative
from sim.engine.backfill.easy import Easy
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import Records
from sim.engine.simulation import simulate
from tests.engine.test_conservation import most_used

MakePool = Callable[..., PoolPlan]
ROWS = st.lists(
    st.tuples(st.floats(0, 60), st.sampled_from([1, 2, 4, 6, 8, 12, 16, 24]), st.floats(0.5, 40), st.sampled_from([1.0, 1.0, 1.5, 4.0])),
    min_size=1,
    max_size=40,
)


def table(rows: list[tuple[float, int, float, float]]) -> JobTable:
    arrival, gpus, duration, ratio = (np.array(column, float) for column in zip(*rows, strict=True))
    return JobTable.build(arrival, gpus.astype(np.int32), duration, estimate_ratio=ratio)


def assert_conserved(jobs: JobTable, records: Records, gpus: int) -> None:
    assert (records.start_s >= jobs.arrival_s).all()
    np.testing.assert_allclose(records.end_s - records.start_s, jobs.duration_s[0], atol=1e-9)
    assert most_used(jobs, records, 0) <= gpus


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, placement=st.sampled_from(["pack", "spread"]), order=st.sampled_from(["fifo", "sjf", "fair-share"]))
def test_the_first_in_line_never_starts_later_than_its_reservation(
    pool: MakePool, rows: list[tuple[float, int, float, float]], placement: str, order: str
) -> None:
    """EASY's invariant, at every reservation that was ever made: a first in line starts by it, unless another came to stand before it."""
    reserved: list[tuple[int, float]] = []
    real = Easy._reservation

    def noting(self: Easy, job: int) -> tuple[int, float, list[int]]:
        found = real(self, job)
        reserved.append((job, found[1]))
        return found

    jobs = table(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Easy, "_reservation", noting)
        records = simulate(jobs, [pool(3, 8, placement)], queue=QueueTerms(order, backfill="easy"))
    assert_conserved(jobs, records, 24)
    if order == "fifo":  # else a later arrival may be first in line
        assert all(records.start_s[job] <= until + 1e-9 for job, until in reserved)


@settings(max_examples=80, deadline=None)
@given(rows=ROWS, placement=st.sampled_from(["pack", "spread"]))
def test_conservative_starts_nobody_later_than_first_planned(
    pool: MakePool, rows: list[tuple[float, int, float, float]], placement: str
) -> None:
    """Whatever ends early, every job of the window starts by the first start it was given."""
    promised: dict[int, float] = {}
    real = Conservative._plan

    def noting(self: Conservative, job: int) -> None:
        real(self, job)
        if job in self.planned_s:
            promised.setdefault(job, self.planned_s[job])

    jobs = table(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conservative, "_plan", noting)
        records = simulate(jobs, [pool(3, 8, placement)], queue=QueueTerms(backfill="conservative"))
    assert_conserved(jobs, records, 24)
    assert len(promised) == len(jobs)
    assert all(records.start_s[job] <= start + 1e-9 for job, start in promised.items())


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, backfill=st.sampled_from(["easy", "conservative"]), short=st.floats(0.1, 0.9))
def test_estimates_that_are_too_short_lose_nothing(
    pool: MakePool, rows: list[tuple[float, int, float, float]], backfill: str, short: float
) -> None:
    """A user who promises too much breaks reservations, never the run."""
    jobs = table([(at, gpus, lasts, short) for at, gpus, lasts, _ in rows])
    assert_conserved(jobs, simulate(jobs, [pool(3, 8)], queue=QueueTerms(backfill=backfill)), 24)


def test_a_short_job_overtakes_and_a_long_one_does_not(pool: MakePool) -> None:
    """Half the pool runs until 100 s, the first in line needs all of it: 90 s of work fit before, 150 s do not."""
    rows = [(0.0, 8, 100.0, 1.0), (1.0, 16, 10.0, 1.0), (2.0, 8, 150.0, 1.0), (3.0, 8, 90.0, 1.0)]
    for backfill in ("easy", "conservative"):
        records = simulate(table(rows), [pool(2, 8)], queue=QueueTerms(backfill=backfill))
        assert records.start_s.tolist() == [0.0, 100.0, 110.0, 3.0]
    strict = simulate(table(rows), [pool(2, 8)])
    assert strict.start_s.tolist() == [0.0, 100.0, 110.0, 110.0]


def test_conservative_protects_the_second_in_line_and_easy_does_not(pool: MakePool) -> None:
    """A job that delays not the first but the second in line: EASY lets it go ahead, conservative does not."""
    rows = [(0.0, 16, 10.0, 1.0), (1.0, 16, 10.0, 1.0), (2.0, 24, 10.0, 1.0), (3.0, 8, 30.0, 1.0)]
    easy = simulate(table(rows), [pool(3, 8)], queue=QueueTerms(backfill="easy"))
    careful = simulate(table(rows), [pool(3, 8)], queue=QueueTerms(backfill="conservative"))
    assert easy.start_s.tolist() == [0.0, 10.0, 33.0, 3.0]
    assert careful.start_s.tolist() == [0.0, 10.0, 20.0, 30.0]


@pytest.mark.traces
def test_easy_shortens_waits_of_a_recorded_mix_with_users_estimates(pool: MakePool, traces_dir: Path) -> None:
    """Lublin–Feitelson's 10 000 jobs on 256 processors, with the run times their users requested: EASY waits less than FIFO."""
    recorded = read_trace(traces_dir / "lublin_256.swf.gz", "swf", {}, {})
    ratio = np.nan_to_num(recorded.estimate_s / recorded.duration_s, nan=1.0)
    jobs = JobTable.build(recorded.submit_s, recorded.gpus, recorded.duration_s, estimate_ratio=ratio)
    supply = [pool(256, 1, "spread")]
    strict, easy = (simulate(jobs, supply, queue=QueueTerms(backfill=how)).start_s - jobs.arrival_s for how in (None, "easy"))
    print(f"mean wait: strict {strict.mean():.0f} s, EASY {easy.mean():.0f} s")
    assert easy.mean() < 0.6 * strict.mean()
