"""What waits at the horizon: who runs then does not, whatever befalls it later."""

from collections.abc import Callable

import numpy as np
import pytest

from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.engine.records import Migrated
from sim.engine.simulation import simulate
from sim.results.backlog import backlog_figures
from sim.results.figures import replication_figures
from sim.scenario.providers import Pool
from sim.scenario.units import HOUR
from tests.engine.test_volatile_pool import failing


@pytest.mark.parametrize(
    ("hours", "waiting", "gpu_hours"),
    [(10.0, 1, 2 * 8), (12.5, 2, (2 + 9.5) * 8), (14.0, 1, 2 * 8), (23.0, 0, 0.0)],
)
def test_jobs_that_run_are_no_backlog(pool: Callable[..., PoolPlan], hours: float, waiting: int, gpu_hours: float) -> None:
    """Twenty hours of work saved every 3.5 h, cut short after 12 and begun again after 13 with 10.5 saved, 9.5 left and half an hour of
    restart; two hours more wait behind it. While it runs, before the outage and after, only these do."""
    jobs = JobTable.build(
        np.array([0.0, HOUR]), np.array([8, 8], np.int32), np.array([20 * HOUR, 2 * HOUR]), checkpoint_s=3.5 * HOUR, restart_s=HOUR / 2
    )
    records = simulate(jobs, [pool(1, 8, changes=(failing([(12 * HOUR, HOUR, {0})]),))])
    assert records.end_s.tolist() == [23 * HOUR, 25 * HOUR]
    figures = backlog_figures(jobs, records, hours * HOUR)
    assert figures == {"backlog.end_jobs": waiting, "backlog.end_gpu_hours": pytest.approx(gpu_hours)}


def test_moves_after_the_horizon_are_not_counted(pool: Callable[..., PoolPlan]) -> None:
    jobs = JobTable.build(np.array([0.0]), np.array([8], np.int32), np.array([20 * HOUR]))
    plan, words = pool(1, 8), Pool.model_validate({"gpu": "x", "nodes": 1, "offer": {"owned": "1 USD/GPU/h"}})
    records = simulate(jobs, [plan])
    records.migrations += [Migrated(0, 0, 0, 8 * HOUR), Migrated(0, 0, 0, 12 * HOUR)]
    assert replication_figures(jobs, records, [words], [plan], [], 0.0, 10 * HOUR)["migrations"] == 1.0
