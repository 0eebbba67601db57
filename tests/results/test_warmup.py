"""The warm-up check finds known transients, stays silent on stationary queues, and says what it cannot tell."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.cli import main
from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.simulation import simulate
from sim.results.usage import timeline
from sim.results.warmup import check_levels, mser_cut

HORIZON = 12_000.0


def queues(make: Callable[..., PoolPlan], load: float, preloaded: int, runs: int) -> np.ndarray:
    """Jobs waiting over time in M/M/1 of service rate 1 with `preloaded` jobs at time 0: shape (runs, spans)."""
    rows = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        arrival = np.cumsum(rng.exponential(1 / load, int(HORIZON * load * 1.2)))
        arrival = np.concatenate([np.zeros(preloaded), arrival[arrival < HORIZON]])
        jobs = JobTable.build(arrival, np.ones(len(arrival), np.int32), rng.exponential(1.0, len(arrival)))
        rows.append(timeline(jobs, simulate(jobs, [make(1)]), HORIZON, [make(1)]).waiting_jobs[0])
    return np.array(rows)


def test_mser_cuts_a_ramp_where_it_ends() -> None:
    """A start-up of 20 batches that decays into noise is cut within a few batches of its end; a trend never settles."""
    noise = np.random.default_rng(0).normal(0, 0.3, 100)
    ramp = np.where(np.arange(100) < 20, 10 - np.arange(100) / 2, 0.0)
    assert 17 <= (mser_cut(ramp + noise) or 0) <= 23
    assert mser_cut(np.full(40, 3.0)) == 0
    assert mser_cut(np.arange(60.0)) is None


def test_mser_is_the_least_standard_error_of_the_rest() -> None:
    """Against the definition, computed one tail at a time."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        series = rng.normal(0, 1, 31) + 5 * np.exp(-np.arange(31) / rng.uniform(1, 8))
        by_hand = [series[drop:].var() / (31 - drop) for drop in range(16)]
        assert mser_cut(series) == (None if np.argmin(by_hand) == 15 else np.argmin(by_hand))


def test_a_preloaded_queue_needs_a_warm_up(pool: Callable[..., PoolPlan]) -> None:
    """600 jobs at time 0 in M/M/1 at load 0.8 drain at 0.2 jobs a second, in some 3 000 s: measuring from 0 on is biased upwards, and the
    cut suggested is about that; after it the check is content."""
    levels = queues(pool, 0.8, 600, 8)
    check = check_levels("jobs waiting", levels, 0.0, HORIZON)
    assert check.outcome == "short"
    assert check.cut_s == pytest.approx(3000, rel=0.25)
    assert check.bias_low is not None
    assert check.bias_low > 5  # the mean is over six times what it settles to
    assert check_levels("jobs waiting", levels, check.cut_s or 0.0, HORIZON).outcome == "enough"


def test_a_stationary_queue_is_left_alone(pool: Callable[..., PoolPlan]) -> None:
    """M/M/1 at load 0.8 started empty settles in some hundred seconds of 12 000: no alarm, whatever the noise."""
    assert check_levels("jobs waiting", queues(pool, 0.8, 0, 8), 1000.0, HORIZON).outcome == "enough"


def test_an_overloaded_queue_never_settles(pool: Callable[..., PoolPlan]) -> None:
    """At load 1.2 the queue grows for ever."""
    check = check_levels("jobs waiting", queues(pool, 1.2, 0, 4), 1000.0, HORIZON)
    assert check.outcome == "unsettled"
    assert check.bias is not None
    assert check.bias < -0.2


@pytest.mark.parametrize(("start", "outcome"), [(0.0, "short"), (95.0, "enough")])
def test_a_start_that_hardly_moves_the_mean_is_no_alarm(start: float, outcome: str) -> None:
    """A tenth of the horizon at `start` instead of 100: without noise it always shows, but 0.5 % off is nothing to act on."""
    level = np.where(np.arange(240) < 24, start, 100.0)
    assert check_levels("x", np.array([level, level]), 0.0, HORIZON).outcome == outcome


def test_days_and_weeks_are_whole_and_short_horizons_untold() -> None:
    """A daily wave is no transient; eight weeks are too few to say anything about a weekly one."""
    hours = np.arange(240) / 240 * 30 * 24
    wave = 5 + 4 * np.cos(2 * np.pi * hours / 24)
    day = 86400.0
    assert check_levels("x", np.array([wave, wave]), 0.0, 30 * day, day).outcome == "enough"
    assert check_levels("x", np.array([wave, wave]), 0.0, 30 * day, 7 * day).outcome == "untold"


def test_the_warning_is_loud_and_says_what_would_do(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An overloaded plan warns on the terminal, in the page and in the JSON; a plan that grows by design only notes it."""
    flat = ["--set", "workloads.merges.arrivals.profile=flat", "--set", "horizon=20 d", "--set", "warmup=0 d"]
    slow = [*flat, "--set", "providers.second=null", "--set", "policy=null", "--set", "workloads.tunes.arrivals.rate=200/d"]
    assert main(["run", str(small), *slow, "--out", str(tmp_path / "a")]) == 0
    said = capsys.readouterr().out
    assert "NEVER SETTLES: jobs waiting and GPUs waited for still change" in said
    assert said.count("NEVER SETTLES") == 1
    assert "NEVER SETTLES: jobs waiting" in (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert '"outcome": "unsettled"' in (tmp_path / "a" / "summary.json").read_text(encoding="utf-8")
    growing = [*slow, "--set", "workloads.tunes.arrivals.growth=10%/month"]
    assert main(["run", str(small), *growing, "--out", str(tmp_path / "b")]) == 0
    said = capsys.readouterr().out
    assert "NEVER SETTLES" not in said
    assert "changes by design" in said
