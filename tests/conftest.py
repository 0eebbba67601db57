"""What tests of several rooms share: the real traces, a simple pool, a small scenario."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.engine.pool import PoolPlan

SMALL = """\
# Does the queue clear?
name: small
horizon: 10 d
warmup: 1 d
seed: 5
replications: 3
workloads:
  merges: {kind: merge, model: llama-3.1-8b, experts: {2: 50%, 8: 50%}, arrivals: {rate: 60/d, profile: office-hours}}
  tunes:
    kind: training
    model: llama-3.2-1b
    tokens: {median: 100M, p95: 400M}
    gpus: {1: 60%, 8: 40%}
    arrivals: {rate: 20/d}
    target: {wait: {p95: 1 h}}
providers:
  first: {pools: {a: {gpu: h100-sxm, nodes: 1, offer: {reserved: 2.20 USD/GPU/h, term: 1 y, upfront: 20%}}}}
  second: {pools: {b: {gpu: h100-sxm, nodes: 1, offer: {on-demand: 3.10 USD/GPU/h}, provisioning: {median: 5 min, p95: 20 min}}}}
policy: {routing: {prefer: [first, second], overflow-when: {expected-wait: 10 min}}}
"""


def pytest_configure() -> None:
    """Tests of Ctrl-C pass in a background job too: a shell starts one with SIGINT ignored, and every process would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def traces_dir() -> Path:
    """The folder of real traces; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("LEADTIME_TRACES", Path(__file__).parents[2] / "shared" / "traces"))
    if not folder.is_dir():
        pytest.skip(f"no real traces at {folder}: set LEADTIME_TRACES to their folder")
    return folder.resolve()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small scenario file with two providers, merges and training."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def pool() -> Callable[..., PoolPlan]:
    """Plans of pools held for good: ``pool(nodes, gpus_per_node, placement=…)``."""

    def make(nodes: int, gpus_per_node: int = 1, placement: str = "pack", **other: object) -> PoolPlan:
        given = {"keep_warm_s": None, "draw_delay": lambda: 0.0, "mean_delay_s": 0.0} | other
        return PoolPlan("p", f"x{nodes}", 0, nodes, gpus_per_node, placement, **given)  # type: ignore[arg-type]

    return make
