"""A rejected job is in every count and in no wait: figures, tables, ledger and losses stand without it."""

import math
from pathlib import Path

import numpy as np
import pytest

from sim.results.losses import PARTS
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.study.preparation import prepare
from sim.study.replication import replicate
from sim.study.run import run_plan

NONE_WAIT = {"reject-when": {"waiting-jobs": 0}, "promise": {"grace": "10 min"}}


def test_figures_and_tables_stand_without_the_rejected(small: Path) -> None:
    """No job may wait for the held pool and the other is gone: some are turned away, counted by workload, and cost nothing."""
    document = open_document(str(small)).override("providers.second", None).override("policy", {"admission": NONE_WAIT})
    one = replicate(prepare(document), 0)
    figures, jobs = one.figures, one.history["jobs"]
    rejected = jobs[jobs["rejected"]]
    assert 0 < len(rejected) < len(jobs)
    assert rejected[["start_s", "end_s", "wait_s", "promised_s", "pool"]].isna().all(axis=None)
    measured = rejected[rejected["arrival_s"] >= 86400]
    assert figures["admission.rejected"] == len(measured)
    for name in ("merges", "tunes"):
        assert figures[f"workload.{name}.admission.rejected"] == (measured["workload"] == name).sum()
    assert figures["wait.max"] == 0.0
    assert figures["promises.kept"] == 1.0
    ran = jobs[~jobs["rejected"]]
    used = (np.minimum(ran["end_s"], one.horizon_s) - np.minimum(ran["start_s"], one.horizon_s)) @ ran["gpus"] / 3600
    assert figures["gpu_hours.used"] == pytest.approx(used)
    assert sum(figures[f"losses.{part}_gpu_hours"] for part in PARTS) == pytest.approx(figures["gpu_hours.paid"])
    dates = {"workload.tunes.breach.p95_s", "headroom.gone_s"}  # NaN where that never comes
    assert not [name for name, value in figures.items() if math.isnan(value) and name not in dates]
    assert np.isfinite(one.timeline[["used_gpus", "waiting_gpus", "waiting_jobs"]]).all(axis=None)


def test_a_workload_of_which_nothing_is_taken_has_no_wait_and_no_verdict(small: Path) -> None:
    """Everything that needs eight GPUs finds some in use; its target is neither met nor missed."""
    document = open_document(str(small)).override("providers.second", None).override("policy", {"admission": NONE_WAIT})
    document = document.override("workloads.merges.arrivals", {"rate": "40/min"}).override("workloads.tunes.gpus", 8)
    document = document.override("horizon", "1.5 d").override("replications", 1)
    summary = run_plan(document).summary
    assert summary.figure("workload.tunes.admission.rejected").mean == summary.figure("workload.tunes.jobs").mean
    assert summary.figure("workload.tunes.wait.mean").mean is None
    assert [verdict.outcome for verdict in summary.verdicts] == ["unsure"]


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({}, "rejects nothing"),
        ({"waiting-jobs": 0}, "grows only when jobs wait, so that none could ever start"),
        ({"expected-wait": "1 min"}, r"the fastest pool needs 7\.\d+ min to answer"),
        ({"waiting-jobs": -1}, "0 or more"),
    ],
)
def test_a_gate_that_nobody_could_pass_is_refused(small: Path, limits: dict[str, object], says: str) -> None:
    """With its line, and what would do."""
    elastic = {"max": 2, "scale-up": {"queue-wait": "5 min"}}
    document = open_document(str(small)).override("providers.first", None).override("policy", {"admission": {"reject-when": limits}})
    document = document.override("providers.second.pools.b.elastic", elastic).override("providers.second.pools.b.nodes", 0)
    with pytest.raises(InputError, match=says) as caught:
        validate(document)
    assert all(problem.where for problem in caught.value.problems)
