"""Where free GPU-hours went, where the truth is known."""

from collections.abc import Callable

import numpy as np
import pytest

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.simulation import simulate
from sim.results.losses import loss_figures
from sim.scenario.units import HOUR
from tests.engine.test_transfers import between


def test_gpus_free_while_data_are_on_the_way_are_idle(pool: Callable[..., PoolPlan]) -> None:
    """Ten hours on the way to the one GPU there is, one at work on it: nothing was too scattered for anybody."""
    jobs = JobTable.build(np.zeros(1), np.ones(1, np.int32), np.full(1, HOUR), data_bytes=1.0)
    plans = [pool(0), pool(1)]
    found = loss_figures(jobs, simulate(jobs, plans, links=between(2, 10 * HOUR)), plans, 20 * HOUR)
    assert {part: hours for part, hours in found.items() if part.endswith("gpu_hours") and hours} == {
        "losses.useful_gpu_hours": pytest.approx(1.0),
        "losses.idle_gpu_hours": pytest.approx(19.0),
    }


def test_gpus_free_on_a_node_each_are_fragments(pool: Callable[..., PoolPlan]) -> None:
    """Five of eight are taken on each of two nodes until 30 and 40 h; six are free from 1 h on, and a gang of six waits until 30 h."""
    jobs = JobTable.build(np.array([0.0, 0.0, HOUR]), np.array([5, 5, 6], np.int32), np.array([30 * HOUR, 40 * HOUR, 10 * HOUR]))
    plans = [pool(2, 8)]
    found = loss_figures(jobs, simulate(jobs, plans), plans, 40 * HOUR)
    assert found["losses.fragmentation_gpu_hours"] == pytest.approx(29 * 6)
    assert found["losses.idle_gpu_hours"] == pytest.approx(6 + 10 * 5)
