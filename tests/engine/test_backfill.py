"""Backfilling by its promises: nobody that must not be delayed is, estimates true or too long, and waits shrink on real work."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.demand.traces import read_trace
from sim.engine.absences import Absence
from sim.engine.autoscaler import autoscale
from sim.engine.backfill.conservative import Conservative
from sim.engine.backfill.easy import Easy, Reservation
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.records import Records
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.scenario.elastic import Elastic
from tests.engine.test_conservation import most_used
from tests.engine.test_reclaims import taking
from tests.engine.test_volatile_pool import failing

MakePool = Callable[..., PoolPlan]
ROWS = st.lists(
    st.tuples(st.floats(0, 60), st.sampled_from([1, 2, 4, 6, 8, 12, 16, 24]), st.floats(0.5, 40), st.sampled_from([1.0, 1.0, 1.5, 4.0])),
    min_size=1,
    max_size=40,
)
COME = st.lists(st.floats(0.5, 90), max_size=3)


def table(rows: list[tuple[float, int, float, float]]) -> JobTable:
    arrival, gpus, duration, ratio = (np.array(column, float) for column in zip(*rows, strict=True))
    return JobTable.build(arrival, gpus.astype(np.int32), duration, estimate_ratio=ratio)


def assert_conserved(jobs: JobTable, records: Records, gpus: int) -> None:
    assert (records.start_s >= jobs.arrival_s).all()
    np.testing.assert_allclose(records.end_s - records.start_s, jobs.duration_s[0], atol=1e-9)
    assert most_used(jobs, records, 0) <= gpus


def three_nodes(pool: MakePool, placement: str, come: list[float]) -> PoolPlan:
    """As many of three nodes of eight as do not come at the times given come at the start."""
    dates = tuple(sorted(come))
    return pool(3 - len(dates), 8, placement, deliveries=tuple((date, 1) for date in dates), promised=dates)


@settings(max_examples=300, deadline=None)
@given(rows=ROWS, placement=st.sampled_from(["pack", "spread"]), order=st.sampled_from(["fifo", "sjf", "fair-share"]), come=COME)
def test_the_first_in_line_never_starts_later_than_its_reservation(
    pool: MakePool, rows: list[tuple[float, int, float, float]], placement: str, order: str, come: list[float]
) -> None:
    """EASY's invariant, at every reservation that was ever made: a first in line starts by it, unless another came to stand before it."""
    reserved: list[tuple[int, float]] = []
    real = Easy._reservation

    def noting(self: Easy, job: int) -> Reservation:
        found = real(self, job)
        reserved.append((job, found.until_s))
        return found

    jobs = table(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Easy, "_reservation", noting)
        records = simulate(jobs, [three_nodes(pool, placement, come)], queue=QueueTerms(order, backfill="easy"))
    assert_conserved(jobs, records, 24)
    if order == "fifo":  # else a later arrival may be first in line
        assert all(records.start_s[job] <= until + 1e-9 for job, until in reserved)


@settings(max_examples=200, deadline=None)
@given(rows=ROWS, placement=st.sampled_from(["pack", "spread"]), come=COME)
def test_conservative_starts_nobody_later_than_first_planned(
    pool: MakePool, rows: list[tuple[float, int, float, float]], placement: str, come: list[float]
) -> None:
    """Whatever ends early and whenever nodes are due, every job of the window starts by the first start it was given."""
    promised: dict[int, float] = {}
    real = Conservative._plan

    def noting(self: Conservative, job: int) -> bool:
        planned = real(self, job)
        if planned:
            promised.setdefault(job, self.planned_s[job])
        return planned

    jobs = table(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conservative, "_plan", noting)
        records = simulate(jobs, [three_nodes(pool, placement, come)], queue=QueueTerms(backfill="conservative"))
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


@pytest.mark.parametrize("backfill", ["easy", "conservative"])
@pytest.mark.parametrize("placement", ["pack", "spread"])
def test_who_waits_for_nodes_that_are_due_is_not_overtaken_by_who_would_hold_what_it_needs(
    pool: MakePool, backfill: str, placement: str
) -> None:
    """One node at work until 1800 s, one due at 3600 s, and a gang of both: who is done by then goes ahead, who is not follows. Where two
    are due it needs none of what is here, and where they are late, who overtakes is done when they are expected by then."""
    rows = [(0.0, 8, 1800.0, 1.0), (60.0, 16, 3600.0, 1.0), (120.0, 8, 36_000.0, 1.0), (180.0, 8, 1700.0, 1.0)]
    more = [(4000.0, 8, 800.0, 1.0), (4000.0, 8, 300.0, 1.0)]

    def starts(rows: list[tuple[float, int, float, float]], nodes: int, comes: float) -> list[float]:
        plan = pool(1, 8, placement, deliveries=((comes, nodes),), promised=(3600.0,))
        return simulate(table(rows), [plan], queue=QueueTerms(backfill=backfill)).start_s.tolist()

    assert starts(rows, 1, 3600.0) == [0.0, 3600.0, 7200.0, 1800.0]
    assert starts(rows, 1, 3000.0) == [0.0, 3500.0, 7100.0, 1800.0]
    assert starts(rows, 2, 3600.0) == [0.0, 3600.0, 1800.0, 7200.0]
    assert starts([*rows[:3], *more], 1, 5000.0) == [0.0, 5000.0, 8600.0, 8600.0, 4000.0]


@pytest.mark.parametrize("backfill", ["easy", "conservative"])
def test_who_waits_for_a_repair_is_not_overtaken_beyond_it(pool: MakePool, backfill: str) -> None:
    """A node of two is broken from 10 to 50 s, as long as is expected: 20 s of work go ahead of the gang of both, 100 s do not."""
    rows = [(20.0, 16, 10.0, 1.0), (21.0, 8, 100.0, 1.0), (22.0, 8, 20.0, 1.0)]
    broken = pool(2, 8, changes=(failing([(10.0, 40.0, {1})]),))
    assert simulate(table(rows), [broken], queue=QueueTerms(backfill=backfill)).start_s.tolist() == [50.0, 60.0, 22.0]


def test_a_reservation_on_a_node_that_is_announced_to_go_is_made_anew(pool: MakePool) -> None:
    """By EASY the first in line is to have the node that is free at 10 s, beside which 13 s of work go ahead. At 5 s that node is announced
    to go: it is to have the other one at 20 s, and 100 s of work that come at 6 s do not go there before it."""
    rows = [(0.0, 8, 10.0, 1.0), (0.0, 2, 20.0, 1.0), (1.0, 8, 5.0, 1.0), (2.0, 2, 13.0, 1.0), (6.0, 4, 100.0, 1.0)]
    plan = pool(2, 8, changes=taking([[], [Absence(5.0, 1000.0, np.inf)]]))
    assert simulate(table(rows), [plan], queue=QueueTerms(backfill="easy")).start_s.tolist() == [0.0, 0.0, 20.0, 2.0, 25.0]


@pytest.mark.parametrize("backfill", ["easy", "conservative"])
def test_a_node_that_comes_is_had_at_once_where_another_went(pool: MakePool, backfill: str) -> None:
    """Of three nodes two are at work, and the third is away until 50 s: one that nobody waits for is announced to go before, so that as
    many nodes are open as when the first in line was planned."""
    rows = [(2.0, 8, 98.0, 1.0), (2.0, 8, 998.0, 1.0), (20.0, 8, 10.0, 1.0)]
    plan = pool(3, 8, changes=taking([[], [Absence(40.0, 5000.0, np.inf)], [Absence(1.0, 1.0, 50.0)]]))
    assert simulate(table(rows), [plan], queue=QueueTerms(backfill=backfill)).start_s.tolist() == [2.0, 2.0, 50.0]


@pytest.mark.parametrize("backfill", ["easy", "conservative"])
def test_who_waits_for_an_elastic_pool_to_grow_is_not_overtaken_beyond_it(pool: MakePool, backfill: str) -> None:
    """One node at first, a second asked for once the gang of both has waited a minute, and 30 s later there."""
    word = Elastic.model_validate({"min": 1, "max": 2, "scale-up": {"queue-wait": "1 min"}, "idle": "1 h", "every": "10 s"})
    grows = (lambda site, watch: autoscale(site, watch, word, lambda: 30.0),)
    rows = [(0.0, 16, 600.0, 1.0), (1.0, 8, 100.0, 1.0), (61.0, 8, 25.0, 1.0)]
    plan = pool(1, 8, grows_to=2, metered=True, changes=grows, mean_delay_s=30.0)
    assert simulate(table(rows), [plan], queue=QueueTerms(backfill=backfill)).start_s.tolist() == [90.0, 690.0, 61.0]


@pytest.mark.parametrize("backfill", ["easy", "conservative"])
def test_who_waits_for_a_quota_is_not_overtaken(pool: MakePool, backfill: str) -> None:
    """Of 16 GPUs the other pool has 8 until 100 s, and nobody here knows until when: the gang of 16 starts then, and the last after it."""
    leased = pool(2, 8, keep_warm_s=0.0, quota=("p on-demand", 16))
    rows = [(0.0, 8, 5.0, 1.0), (0.0, 8, 100.0, 1.0), (1.0, 16, 10.0, 1.0), (2.0, 8, 1.0, 1.0), (3.0, 8, 1000.0, 1.0)]
    records = simulate(table(rows), [leased, leased], queue=QueueTerms(backfill=backfill), routing=RoutingTerms("round-robin"))
    assert records.pool.tolist() == [0, 1, 0, 1, 0]
    assert records.start_s.tolist() == [0.0, 0.0, 100.0, 5.0, 110.0]


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
