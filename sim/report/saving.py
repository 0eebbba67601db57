"""From a finished run or study to its folder on disk, report included: the one way that results are kept."""

import os
import tempfile
from pathlib import Path

from sim.report.page import comparison_page, summary_page
from sim.results.run_folder import REPORT, SCENARIO, read_summary, read_table, written_folder
from sim.scenario.errors import InputError
from sim.study.comparison import Study, read_comparison
from sim.study.run import Run

RUNS = Path("runs")


def save(result: Run | Study, out: Path | None = None) -> Path:
    """Write the folder and its report; returns the folder.

    Without `out` it is ``runs/<scenario>-<short hash>``, whose name is its content's, so that writing it again replaces the same thing.
    InputError where `out` exists, or cannot be written.
    """
    target = RUNS / result.folder_name if out is None else out
    with written_folder(target, replace=out is None) as folder:
        result.write(folder)
        for run in sorted((folder / "plans").glob("*")):
            (run / REPORT).write_text(render(run), encoding="utf-8")
        (folder / REPORT).write_text(render(folder), encoding="utf-8")
    return target


def render(folder: Path) -> str:
    """The report page of a run or study folder; InputError where it is neither."""
    if (folder / "plans").is_dir():
        comparison = read_comparison(folder)
        return comparison_page(comparison, (folder / "plans" / comparison.base / SCENARIO).read_text(encoding="utf-8"))
    summary = read_summary(folder)
    tables = {name: read_table(folder, name) for name in ("timeline", "billing")}
    return summary_page(summary, tables, (folder / SCENARIO).read_text(encoding="utf-8"))


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
