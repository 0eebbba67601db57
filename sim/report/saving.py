"""From a finished run or study to its folder on disk, report included: the one way that results are kept."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from sim.report.page import comparison_page, optimisation_page, sensitivity_page, summary_page, sweep_page
from sim.report.reading import read_results
from sim.results.run_folder import PLANS, REPORT, SCENARIO, SENSITIVITY, SWEEP, read_scenario, read_table, written_folder
from sim.results.summary import Summary
from sim.scenario.errors import InputError
from sim.scenario.loading import resolved_yaml
from sim.study.comparison import Comparison, Study
from sim.study.optimisation import Optimisation
from sim.study.optimise import Optimised
from sim.study.run import Run
from sim.study.runner import Runner
from sim.study.sensitivity import Sensitivity, SensitivityPlan, run_sensitivity
from sim.study.sweep import TABLE, Sweep, SweepPlans, run_sweep

RUNS = Path("runs")
MOST_FOLDERS = 50


def save(result: Run | Study | Optimised, out: Path | None = None) -> Path:
    """Write the folder and its report; returns the folder.

    Without `out` it is ``runs/<scenario>-<short hash>``, whose name is its content's, so that writing it again replaces the same thing.
    InputError where `out` exists, or cannot be written.
    """
    target = RUNS / result.folder_name if out is None else out
    with written_folder(target, replace=out is None) as folder:
        result.write(folder)
        for run in sorted((folder / PLANS).glob("*")):
            (run / REPORT).write_text(render(run), encoding="utf-8")
        (folder / REPORT).write_text(render(folder), encoding="utf-8")
    return target


def save_sweep(sweep: SweepPlans, out: Path | None = None, runner: Runner | None = None) -> tuple[Path, Sweep]:
    """Run a sweep and keep it: its table, its report, and a run folder a plan (of more than `MOST_FOLDERS`, of those on the front).

    Plans go to disk as they end. Reports of single plans are left to ``leadtime report``: hundreds of them would take longer than the runs.
    """
    target = RUNS / sweep.folder_name if out is None else out
    with written_folder(target, replace=out is None) as folder:
        result, table = run_sweep(sweep, runner, keep=lambda plan, run: run.write(folder / PLANS / plan))
        if len(result.plans) > MOST_FOLDERS:
            for plan in set(result.plans) - set(result.front):
                shutil.rmtree(folder / PLANS / plan)
        table.to_parquet(folder / f"{TABLE}.parquet", index=False)
        table.to_csv(folder / f"{TABLE}.csv", index=False)
        (folder / SCENARIO).write_text(resolved_yaml(sweep.document), encoding="utf-8")
        (folder / SWEEP).write_text(json.dumps(result.model_dump(mode="json"), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        (folder / REPORT).write_text(render(folder), encoding="utf-8")
    return target, result


def save_sensitivity(plan: SensitivityPlan, out: Path | None = None, runner: Runner | None = None) -> tuple[Path, Sensitivity]:
    """Run a sensitivity study and keep its results and report; returns the folder and what it says."""
    target = RUNS / plan.folder_name if out is None else out
    with written_folder(target, replace=out is None) as folder:
        result = run_sensitivity(plan, runner)
        (folder / SCENARIO).write_text(resolved_yaml(plan.document), encoding="utf-8")
        (folder / SENSITIVITY).write_text(json.dumps(result.model_dump(mode="json"), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        (folder / REPORT).write_text(render(folder), encoding="utf-8")
    return target, result


def render(folder: Path) -> str:
    """The report page of a run or study folder; InputError where it is neither."""
    results = read_results(folder)
    kept = folder / PLANS / results.base if isinstance(results, Comparison) else folder
    scenario = read_scenario(kept)
    match results:
        case Sweep():
            return sweep_page(results, scenario)
        case Optimisation():
            return optimisation_page(results, scenario)
        case Sensitivity():
            return sensitivity_page(results, scenario)
        case Comparison():
            return comparison_page(results, scenario)
        case Summary():
            return summary_page(results, {name: read_table(folder, name) for name in ("timeline", "billing")}, scenario)


def rewrite_report(folder: Path) -> Path:
    """Render a folder's report anew, for a folder of an older version; returns the file."""
    page = render(folder)
    try:
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".html", delete=False, encoding="utf-8") as work:
            work.write(page)
        os.replace(work.name, folder / REPORT)
    except OSError as error:
        raise InputError.of(f"cannot be written: {error.strerror}", where=str(folder / REPORT)) from None
    return folder / REPORT
