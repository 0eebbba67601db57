"""The engine against published analytic queueing results, service rate 1: each must lie inside the simulation's 99.9 % interval."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.simulation import simulate

JOBS, RUNS = 60_000, 30
Service = Callable[[np.random.Generator, int], np.ndarray]


def exponential(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.exponential(1.0, count)


def constant(_: np.random.Generator, count: int) -> np.ndarray:
    return np.ones(count)


def lognormal(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.lognormal(-0.5, 1.0, count)


def hyperexponential(rng: np.random.Generator, count: int) -> np.ndarray:
    """Mean 1 and squared coefficient of variation 4, with balanced means."""
    p = 0.5 * (1 + math.sqrt(3 / 5))
    return np.where(rng.uniform(size=count) < p, rng.exponential(1 / (2 * p), count), rng.exponential(1 / (2 * (1 - p)), count))


def waits(make: Callable[..., PoolPlan], servers: int, rate: float, service: Service, seed: int, batch: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    arrival = np.repeat(np.cumsum(rng.exponential(batch / rate, JOBS // batch)), batch)
    jobs = JobTable.build(arrival, np.ones(len(arrival), np.int32), service(rng, len(arrival)))
    records = simulate(jobs, [make(servers)])
    return (records.start_s - jobs.arrival_s)[JOBS // 10 :]


def assert_agrees(samples: list[float], expected: float) -> None:
    low, high = stats.t.interval(0.999, len(samples) - 1, np.mean(samples), stats.sem(samples))
    print(f"expected {expected:.4f}, simulated {np.mean(samples):.4f} in ({low:.4f}, {high:.4f})")
    assert low <= expected <= high
    assert (high - low) < 0.5 * expected  # an interval too wide to fail would prove nothing


@pytest.mark.parametrize(
    ("servers", "load", "service", "batch", "statistic", "expected"),
    [
        (4, 0.8, exponential, 1, "delayed", 0.596432),
        (4, 0.8, exponential, 1, "mean", 0.745541),
        (4, 0.8, exponential, 1, "p95", 3.098679),
        (4, 0.8, exponential, 1, "p99", 5.110476),
        (8, 0.9, exponential, 1, "delayed", 0.701533),
        (8, 0.9, exponential, 1, "mean", 0.876916),
        (8, 0.9, exponential, 1, "p95", 3.301556),
        (8, 0.9, exponential, 1, "p99", 5.313354),
        (64, 0.95, exponential, 1, "mean", 0.183753),
        (1, 0.8, exponential, 1, "mean", 4.0),
        (1, 0.8, exponential, 1, "p95", 13.862944),
        (1, 0.8, constant, 1, "mean", 2.0),
        (1, 0.8, hyperexponential, 1, "mean", 10.0),
        (1, 0.8, lognormal, 1, "mean", 5.436564),
        (1, 0.8, exponential, 4, "mean", 11.5),
        (4, 0.8, exponential, 4, "mean", 2.392857),
    ],
)
def test_waits_agree_with_theory(
    pool: Callable[..., PoolPlan], servers: int, load: float, service: Service, batch: int, statistic: str, expected: float
) -> None:
    """Erlang C, Pollaczek–Khinchine and batch arrivals, as tabulated (mean, quantiles, probability of waiting)."""
    measure: dict[str, Callable[[np.ndarray], float]] = {
        "mean": lambda wait: float(wait.mean()),
        "delayed": lambda wait: float((wait > 0).mean()),
        "p95": lambda wait: float(np.quantile(wait, 0.95)),
        "p99": lambda wait: float(np.quantile(wait, 0.99)),
    }
    runs = 4 * RUNS if servers == 64 else RUNS  # near saturation with many servers, waits are long correlated
    assert_agrees([measure[statistic](waits(pool, servers, load * servers, service, seed, batch)) for seed in range(runs)], expected)


@pytest.mark.parametrize(
    ("rates", "service", "expected"),
    [((0.3, 0.5), exponential, (1.142857, 5.714286)), ((0.2, 0.3, 0.3), constant, (0.5, 1.0, 4.0))],
)
def test_priorities_agree_with_theory(
    pool: Callable[..., PoolPlan], rates: tuple[float, ...], service: Service, expected: tuple[float, ...]
) -> None:
    """Cobham's mean waits of non-preemptive priority classes, the first class going first."""
    means: list[list[float]] = [[] for _ in rates]
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        arrival = np.cumsum(rng.exponential(1 / sum(rates), JOBS))
        group = rng.choice(len(rates), JOBS, p=np.array(rates) / sum(rates))
        jobs = JobTable.build(arrival, np.ones(JOBS, np.int32), service(rng, JOBS), priority=(-group).astype(np.int32))
        wait = simulate(jobs, [pool(1)], queue=QueueTerms("priority")).start_s - jobs.arrival_s
        for index in range(len(rates)):
            means[index].append(float(wait[group == index].mean()))
    for samples, value in zip(means, expected, strict=True):
        assert_agrees(samples, value)


def test_littles_law_holds_exactly(pool: Callable[..., PoolPlan]) -> None:
    """∫ jobs in queue dt = Σ waits, an identity of every sample path."""
    rng = np.random.default_rng(3)
    jobs = JobTable.build(np.cumsum(rng.exponential(1.0, 4000)), rng.choice([1, 2, 4, 8], 4000).astype(np.int32), rng.lognormal(0, 1, 4000))
    records = simulate(jobs, [pool(1, 8)])
    times = np.concatenate([jobs.arrival_s, records.start_s])
    step = np.concatenate([np.ones(4000), -np.ones(4000)])
    order = np.argsort(times, kind="stable")
    queued = np.cumsum(step[order])[:-1] @ np.diff(times[order])
    assert queued == pytest.approx((records.start_s - jobs.arrival_s).sum(), rel=1e-9)
