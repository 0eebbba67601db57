"""Figures of a whole run that no other file here works out by hand."""

from pathlib import Path

import pytest

from sim.report.answers import answers
from sim.results.commitments import OnDemand
from sim.scenario.loading import open_document
from sim.study.run import run_plan


def test_utilisation_on_demand_is_of_what_was_rented(small: Path) -> None:
    """A pool that may rent eight GPUs and rents them for its jobs alone is used well, not by what its quota would have allowed."""
    figures = run_plan(open_document(str(small)).override("providers.first", None).override("policy", None)).summary.figures
    used, paid, rented = (figures[f"pool.second.b.{part}"].values for part in ("gpu_hours_used", "gpu_hours_paid", "utilisation"))
    assert rented == pytest.approx([one / other for one, other in zip(used, paid, strict=True)])  # type: ignore[operator]
    assert figures["utilisation"].values == pytest.approx(rented)
    quota_hours = 8 * 10 * 24
    assert all(share > 1.5 * one / quota_hours for share, one in zip(rented, used, strict=True))  # type: ignore[operator]


def test_a_run_names_the_price_of_its_break_even(small: Path) -> None:
    """That of the other provider's pool, which is on demand."""
    summary = run_plan(open_document(str(small)).override("replications", 1).override("horizon", "2 d")).summary
    assert summary.on_demand == (OnDemand(gpu="h100-sxm", usd_per_gpu_hour=3.1, seller="second.b"),)
    assert "on demand at $3.10/GPU/h (second.b): it pays from" in answers(summary)[-1]
