"""Spot nodes that are taken back and come again: no job is lost, a notice saves work, and zones are as available as recorded."""

from collections.abc import Callable, Iterator
from itertools import pairwise, takewhile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.spot_trace import SpotTrace, open_spot_trace
from sim.engine.absences import Absence, drawn_absences, mean_absence_s, recorded_absences
from sim.engine.autoscaler import autoscale
from sim.engine.pool import PoolPlan
from sim.engine.reclaims import reclaims
from sim.engine.simulation import simulate
from sim.engine.volatile_pool import RECLAIM
from sim.results.losses import PARTS, loss_figures
from sim.results.paid import held_spans
from sim.scenario.distributions import Distribution
from sim.scenario.elastic import Elastic
from tests.engine.test_volatile_pool import ROW, assert_conserved, table

MakePool = Callable[..., PoolPlan]
SPELL = st.tuples(st.floats(0.0, 30), st.floats(0.0, 5), st.floats(0.1, 20))


def absences(spells: list[tuple[float, float, float]]) -> list[Absence]:
    """Seconds here, of notice, and away, one after another."""
    now, found = 0.0, []
    for here, notice, away in spells:
        found.append(Absence(now + here, now + here + notice, now + here + notice + away))
        now += here + notice + away
    return found


def taking(by_node: list[list[Absence]]) -> tuple[object, ...]:
    return tuple(
        lambda site, watch, node=node, ones=ones: reclaims(site, watch, node, iter(ones), 5.0) for node, ones in enumerate(by_node)
    )


@settings(max_examples=120, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=30),
    spells=st.lists(st.lists(SPELL, max_size=4), min_size=3, max_size=3),
    checkpoint=st.sampled_from([3.0, np.inf]),
    save=st.sampled_from([0.0, 2.0]),
    kind=st.sampled_from(["leased", "held", "elastic"]),
)
def test_reclaims_lose_no_job_and_do_all_work_once(
    pool: MakePool,
    rows: list[tuple[float, int, float]],
    spells: list[list[tuple[float, float, float]]],
    checkpoint: float,
    save: float,
    kind: str,
) -> None:
    """However nodes are taken; the parts of what was paid add up, and nothing is paid while a node is away."""
    jobs = table(rows, checkpoint_s=checkpoint, save_s=save, restart_s=1.5)
    by_node = [absences(one) for one in spells]
    word = Elastic.model_validate({"max": 3, "scale-up": {"queue-wait": "2 s"}, "idle": "5 s", "every": "1 s", "cool-down": "0 s"})
    of_kind: dict[str, dict[str, object]] = {
        "leased": {"keep_warm_s": 4.0, "draw_delay": lambda: 2.0, "mean_delay_s": 2.0},
        "held": {},
        "elastic": {"metered": True, "grows_to": 3, "draw_delay": lambda: 2.0, "mean_delay_s": 2.0},
    }
    scaling = (lambda site, watch: autoscale(site, watch, word, lambda: 2.0),) if kind == "elastic" else ()
    plan = pool(3, 8, changes=(*scaling, *taking(by_node)), **of_kind[kind])
    records = simulate(jobs, [plan])
    assert_conserved(jobs, records, [24])
    end = float(records.end_s.max())
    figures = loss_figures(jobs, records, [plan], end)
    parts = [figures[f"losses.{part}_gpu_hours"] for part in PARTS]
    assert sum(parts) == pytest.approx(held_spans(0, plan, records).integral(0.0, end) / 3600, abs=1e-6)
    assert min(parts) > -1e-6
    assert {one.cause for one in records.attempts} <= {RECLAIM}
    edges = sorted({0.0, *(one.gone_s for ones in by_node for one in ones), *(one.back_s for ones in by_node for one in ones)})
    for low, high in pairwise(edge for edge in edges if edge < end):
        there = sum(not any(one.gone_s <= low and high <= one.back_s for one in ones) for ones in by_node)
        assert held_spans(0, plan, records).integral(low, high) <= there * 8 * (high - low) + 1e-6


@pytest.mark.parametrize(("save_s", "lost", "end"), [(60.0, 60.0, 1465.0), (120.0, 120.0, 1525.0), (121.0, 400.0, 1805.0)])
def test_a_notice_saves_the_work_of_jobs_that_can_write_a_checkpoint_in_it(pool: MakePool, save_s: float, lost: float, end: float) -> None:
    """1000 s of work taken at 400 s after 120 s of notice, back at 800 s; a checkpoint fits into the notice or does not."""
    jobs = table([(0.0, 8, 1000.0)], checkpoint_s=500.0, save_s=save_s, restart_s=5.0)
    records = simulate(jobs, [pool(1, 8, changes=taking([[Absence(280.0, 400.0, 800.0)]]))])
    assert [(one.end_s, one.lost_s, one.cause) for one in records.attempts] == [(400.0, lost, RECLAIM)]
    assert records.end_s[0] == pytest.approx(end)


def test_announced_nodes_take_no_new_gang_and_go_back_when_idle(pool: MakePool) -> None:
    """Warned at 10 s, gone at 100 s: the job that comes at 20 s waits until 200 s, and the lease ends with the last job at 50 s."""
    rows = [(0.0, 8, 50.0), (20.0, 8, 10.0)]
    plan = pool(1, 8, keep_warm_s=30.0, changes=taking([[Absence(10.0, 100.0, 200.0)]]))
    records = simulate(table(rows), [plan])
    assert records.start_s.tolist() == [0.0, 200.0]
    leased_from, leased_to = records.leases[0]
    assert sorted(zip(leased_from.tolist(), leased_to.tolist(), strict=True)) == [(0.0, 50.0), (200.0, 240.0)]


def test_an_elastic_pool_asks_again_for_its_least_nodes_when_one_was_taken(pool: MakePool) -> None:
    """One of two nodes is away from 100 s to 400 s; though nobody waits, it is asked for as soon as it can be had, and answers in 5 s."""
    word = Elastic.model_validate({"min": 2, "max": 2, "scale-up": {"queue-wait": "10 s"}, "every": "1 s"})
    scaling = (lambda site, watch: autoscale(site, watch, word, lambda: 5.0),)
    plan = pool(2, 8, grows_to=2, metered=True, changes=(*scaling, *taking([[Absence(100.0, 100.0, 400.0)], []])))
    records = simulate(table([(0.0, 8, 1000.0)]), [plan])
    levels = [(time, gpus) for _, time, gpus in records.capacity]
    assert levels[:2] == [(0.0, 16), (100.0, 8)]
    assert levels[2][1] == 16
    assert 400.0 <= levels[2][0] <= 410.0


@pytest.mark.parametrize("gone", [60.0, 400.0])
def test_a_node_that_went_back_by_itself_is_not_paid_until_it_is_taken(pool: MakePool, gone: float) -> None:
    """Idle since 50 s it is kept warm until 80 s, or until it is taken before that."""
    plan = pool(1, 8, keep_warm_s=30.0, changes=taking([[Absence(gone, gone, 500.0)]]))
    records = simulate(table([(0.0, 8, 50.0), (600.0, 8, 10.0)]), [plan])
    leased_from, leased_to = records.leases[0]
    assert (leased_from.tolist(), leased_to.tolist()) == ([0.0, 600.0], [min(80.0, gone), 640.0])


def test_drawn_nodes_are_here_for_the_mean_time_and_away_for_the_mean_time() -> None:
    """A renewal process: here a share mtbf / (mtbf + away) of the time, within 99.9 % of 4000 cycles; warned no earlier than it came."""
    stream = drawn_absences(600.0, 120.0, Distribution("exponential", 200.0), np.random.default_rng(1))
    cycles = [next(stream) for _ in range(4000)]
    came = np.array([0.0, *(one.back_s for one in cycles[:-1])])
    here = np.array([one.gone_s for one in cycles]) - came
    assert here.mean() == pytest.approx(600.0, abs=3.29 * 600 / 4000**0.5)
    assert np.mean([one.back_s - one.gone_s for one in cycles]) == pytest.approx(200.0, abs=3.29 * 200 / 4000**0.5)
    for one, since in zip(cycles, came, strict=True):
        assert one.warned_s == max(since, one.gone_s - 120.0)


def level(streams: list[Iterator[Absence]], end: float) -> tuple[list[float], list[int]]:
    """Nodes there over [0, end]: from each time, how many."""
    change: dict[float, int] = {0.0: len(streams)}
    for stream in streams:
        for one in takewhile(lambda one: one.gone_s < end, stream):
            change[one.gone_s] = change.get(one.gone_s, 0) - 1
            change[one.back_s] = change.get(one.back_s, 0) + 1
    times = sorted(change)
    return times, np.cumsum([change[time] for time in times]).tolist()


@settings(max_examples=80, deadline=None)
@given(share=st.lists(st.integers(0, 5), min_size=1, max_size=20), nodes=st.integers(1, 5))
def test_recorded_absences_follow_the_record_over_and_over(share: list[int], nodes: int) -> None:
    """At every tick of three rounds, as many nodes are there as the record says; each node's absences never overlap."""
    trace = SpotTrace(10.0, np.array(share, np.float64) / 5)
    streams = recorded_absences(trace, nodes, 3.0, np.random.default_rng(0))
    times, levels = level(streams, 3 * trace.length_s)
    for tick in range(3 * len(share)):
        there = levels[int(np.searchsorted(times, tick * 10.0 + 5.0)) - 1]
        assert there == int(np.floor(trace.share[tick % len(share)] * nodes + 1e-9))
    assert mean_absence_s(trace, nodes) >= 0


@pytest.mark.traces
@pytest.mark.parametrize("zone", ["us-east-1a", "02-15-2023_us-west-2b", "us-east-2b", "us-west-2a"])
def test_a_pool_is_there_as_its_zone_was_recorded(traces_dir: Path, pool: MakePool, zone: str) -> None:
    """17 % to 90 % of the time: GPU-seconds had over the record are exactly the zone's, while there is work to the end."""
    trace = open_spot_trace(str(traces_dir / "spot"), zone)
    nodes = 16 if "16" in zone or zone in ("us-east-2b", "us-west-2a") else 1
    streams = recorded_absences(trace, nodes, 0.0, np.random.default_rng(2))
    plan = pool(nodes, 8, changes=tuple(
        lambda site, watch, node=node, one=one: reclaims(site, watch, node, one, 100.0) for node, one in enumerate(streams)
    ))  # fmt: skip
    rows = [(hour * 3600.0, 1, 600.0) for hour in range(int(trace.length_s // 3600) + 2)]
    records = simulate(table(rows, checkpoint_s=60.0), [plan])
    had = held_spans(0, plan, records).integral(0.0, trace.length_s)
    assert had == pytest.approx(float(trace.share.mean()) * trace.length_s * nodes * 8, rel=1e-9)
