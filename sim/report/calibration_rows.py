"""A calibration as rows of text: fitted rates with their held-out errors, and anchors with what was predicted of them."""

import math
from pathlib import Path

from sim.cost.calibration import Calibration
from sim.cost.durations import missing_families
from sim.report.rows import Rows
from sim.scenario.one_job import Kind, read_job
from sim.scenario.units import format_duration

JOBS: dict[Kind, dict[str, str]] = {
    "merge": {"model": "llama-3.1-8b"},
    "training": {"model": "llama-3.1-8b", "tokens": "1M"},
    "evaluation": {"model": "llama-3.1-8b", "tokens": "1M"},
}
"""One of each kind, all that a calibration is asked about unless a scenario wants more (INT8, fp32)."""


def fit_rows(calibration: Calibration) -> Rows:
    """One row a family."""
    cells = []
    for name, fit in sorted(calibration.fits.items()):
        rate = f"{fit.flops_per_s / 1e12:.3g} TFLOP/s" if fit.flops_per_s else "–"
        bandwidth = f"{fit.bytes_per_s / 1e9:.3g} GB/s" if fit.bytes_per_s else "–"
        held_out = f"{fit.error_median:.1%} / {fit.error_p95:.1%}"
        cells.append((name, rate, bandwidth, format_duration(fit.overhead_s), str(fit.fitted_shapes), str(fit.held_out_shapes), held_out))
    headings = ("family", "rate", "bandwidth", "overhead", "shapes fitted", "held out", "held-out error, median / p95")
    return Rows("Fits", headings, tuple(cells))


def anchor_rows(calibration: Calibration) -> Rows:
    """Whole steps that no fit saw: measured, predicted, and their ratio."""
    cells = []
    for anchor in calibration.anchors:
        shape = ", ".join(f"{key} {number}" for key, number in anchor.shape.items())
        predicted = anchor.predicted_s if anchor.predicted_s is not None else math.nan
        cells.append(
            (anchor.probe, shape, format_duration(anchor.median_s), format_duration(predicted), f"{predicted / anchor.median_s:.2f}")
        )
    return Rows("End-to-end anchors, never fitted", ("anchor", "shape", "measured", "predicted", "ratio"), tuple(cells))


def how_to_use(calibration: Calibration, path: Path) -> str:
    """The command to give next: a study on this calibration, or another profile where it cannot tell what every kind of job takes."""
    lacking = {kind: missing for kind, flags in JOBS.items() if (missing := missing_families(read_job(kind, flags), calibration))}
    if not lacking:
        return f"leadtime run second-source --set calibration={path}"
    said = "; ".join(f"{kind} (no fit of {', '.join(missing)})" for kind, missing in lacking.items())
    return f"it cannot tell what these take: {said}; measure again with 'leadtime profile --full' while nothing else runs"
