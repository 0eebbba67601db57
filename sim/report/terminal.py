"""Results on a terminal, or on a pipe as plain text wide enough that nothing is cut."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sim.cost.calibration import Calibration
from sim.cost.estimate import DeviceEstimate
from sim.cost.published import Fact
from sim.cost.serving_estimate import ServingEstimate
from sim.cost.validation import Validated, Validation
from sim.report.answers import answers
from sim.report.calibration_rows import anchor_rows, fit_rows, how_to_use
from sim.report.doubts import warnings_of
from sim.report.estimate_rows import estimate_notes, estimate_rows, job_title, term_rows
from sim.report.optimisation_rows import FEW_ROWS, considered_rows
from sim.report.published_rows import published_notes, published_rows
from sim.report.reading import Results
from sim.report.rows import (
    Rows,
    basis_lines,
    blocked_rows,
    difference_rows,
    headline_rows,
    plan_rows,
    pool_rows,
    simulated_phrase,
    target_rows,
    tenant_rows,
    unit_cost_rows,
    workload_rows,
)
from sim.report.sensitivity_rows import sensitivity_notes, sensitivity_rows
from sim.report.serving_rows import serving_notes, serving_rows, serving_title
from sim.report.sweep_rows import front_rows, sweep_rows
from sim.report.validation_rows import figure_rows, job_rows, piece_rows, validation_notes
from sim.report.why_rows import held_rows, other_rows, reason_rows, stretch_rows, why_headline
from sim.results.summary import Summary
from sim.results.why import Why
from sim.scenario.one_job import OneJob, Serving
from sim.study.comparison import Comparison
from sim.study.optimisation import Optimisation
from sim.study.sensitivity import Sensitivity
from sim.study.sweep import Sweep

PIPE_WIDTH = 200
GAP = 3
"""Blanks between two columns."""


def console() -> Console:
    """Standard output; a pipe gets no colour and a fixed width."""
    probe = Console(highlight=False)
    return probe if probe.is_terminal else Console(highlight=False, width=PIPE_WIDTH)


def print_results(out: Console, results: Results) -> None:
    """A run's results or a study's."""
    match results:
        case Summary():
            _print_summary(out, results)
        case Comparison():
            _print_comparison(out, results)
        case Sweep():
            _print_sweep(out, results)
        case Optimisation():
            _print_optimisation(out, results)
        case Sensitivity():
            _print_sensitivity(out, results)


def _print_summary(out: Console, summary: Summary) -> None:
    _print_head(out, summary)
    _print_warnings(out, summary)
    _print_rows(out, headline_rows(summary))
    _print_lines(out, "Answers", answers(summary))
    for rows in (target_rows, workload_rows, blocked_rows, unit_cost_rows, pool_rows, tenant_rows):
        _print_rows(out, rows(summary))
    _print_basis(out, summary)


def _print_comparison(out: Console, comparison: Comparison) -> None:
    first = comparison.plans[comparison.base]
    _print_head(out, first, question=comparison.question)
    for plan, summary in comparison.plans.items():
        _print_warnings(out, summary, of=f"{plan}: ")
    _print_rows(out, plan_rows(comparison), across=len(comparison.plans) + 1)
    _print_rows(out, difference_rows(comparison))
    _print_lines(out, "Verdict", list(comparison.verdicts.values()))
    for plan, summary in comparison.plans.items():
        _print_lines(out, f"Answers: {plan}", answers(summary))
    _print_basis(out, first)


def _print_sweep(out: Console, sweep: Sweep) -> None:
    _print_head(out, sweep.first)
    _print_rows(out, sweep_rows(sweep))
    _print_rows(out, front_rows(sweep))
    _print_basis(out, sweep.first)


def _print_optimisation(out: Console, found: Optimisation) -> None:
    _print_head(out, found.final, question=found.question)
    out.print(f"[bold]{escape(found.answer)}[/bold]", soft_wrap=True)
    for line in (*found.why, f"How: {found.how}."):
        out.print(f"  {escape(line)}", soft_wrap=True)
    out.print()
    _print_rows(out, target_rows(found.final))
    _print_rows(out, considered_rows(found, FEW_ROWS))
    _print_basis(out, found.final)


def _print_sensitivity(out: Console, sensitivity: Sensitivity) -> None:
    """Which inputs move which figure."""
    _print_head(out, sensitivity.first)
    for figure in sensitivity.effects:
        _print_rows(out, sensitivity_rows(sensitivity, figure))
    _print_lines(out, "How to read this", sensitivity_notes(sensitivity))
    _print_basis(out, sensitivity.first)


def print_where(out: Console, folder: Path, report: Path) -> None:
    out.print(f"\nRun folder: {folder}\nReport:     {report}", soft_wrap=True)


def _print_head(out: Console, summary: Summary, *, question: str = "") -> None:
    out.print(f"[bold]{question or summary.question or summary.scenario}[/bold]")
    replications = f"{summary.replications} replication{'s' if summary.replications > 1 else ''}"
    out.print(
        f"{summary.scenario}: {simulated_phrase(summary)}, {replications}, seed {summary.seed}\n",
        soft_wrap=True,
    )


def _print_warnings(out: Console, summary: Summary, *, of: str = "") -> None:
    for line in warnings_of(summary):
        out.print(f"[bold red]{of}{line}[/bold red]\n", soft_wrap=True)


def _print_lines(out: Console, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    out.print(f"[bold]{title}[/bold]")
    for line in lines:
        out.print(f"  {line}", soft_wrap=True)
    out.print()


def _print_basis(out: Console, summary: Summary) -> None:
    out.print("[bold]What this rests on[/bold]")
    for line in basis_lines(summary):
        out.print(f"  {line}", soft_wrap=True)


def _print_rows(out: Console, rows: Rows, *, across: int = 0) -> None:
    """A table; with `across`, turned so that each row becomes a column (few plans, many figures)."""
    if not rows.cells:
        return
    headings, cells = rows.headings, rows.cells
    if across:
        turned = list(zip(headings, *cells, strict=True))
        headings, cells = turned[0], tuple(turned[1:])
    for number, columns in enumerate(abreast([headings, *cells], out.width)):
        out.print(f"[bold]{rows.title if number == 0 else f'{rows.title}, continued'}[/bold]", soft_wrap=True)
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        for index in columns:
            table.add_column(headings[index], justify="left" if index == 0 else "right", no_wrap=True)
        for row in cells:
            table.add_row(*(row[index] for index in columns))
        out.print(table)
        out.print()


def abreast(lines: Sequence[Sequence[str]], width: int) -> list[list[int]]:
    """Columns in groups that a terminal of `width` has room for, each with the first column, which says what a row is of."""
    widths = [GAP + max(cell_len(line[index]) for line in lines) for index in range(len(lines[0]))]
    groups = [[0]]
    for column in range(1, len(widths)):
        if len(groups[-1]) > 1 and sum(widths[one] for one in (*groups[-1], column)) - GAP > width:
            groups.append([0])
        groups[-1].append(column)
    return groups


def print_why(out: Console, answer: Why) -> None:
    """Why one job waited."""
    out.print(f"[bold]{why_headline(answer)}[/bold]\n", soft_wrap=True)
    for rows in (reason_rows(answer), stretch_rows(answer), held_rows(answer), *other_rows(answer)):
        _print_rows(out, rows)


def print_calibration(out: Console, calibration: Calibration, path: Path) -> None:
    """What was measured, how well it was fitted, and how to use it."""
    out.print(f"[bold]{calibration.device.name}[/bold], {calibration.completeness} calibration of {calibration.date[:10]}\n")
    _print_rows(out, fit_rows(calibration))
    _print_rows(out, anchor_rows(calibration))
    for note in calibration.notes:
        out.print(f"  {note}", soft_wrap=True)
    out.print(f"\nCalibration: {path}\nUse it:      {how_to_use(calibration, path)}", soft_wrap=True)


def print_estimates(out: Console, work: OneJob, estimates: Sequence[DeviceEstimate], validated: Mapping[str, Validated]) -> None:
    """One job on each device asked about; `validated` by device, where a real queue was run on it."""
    out.print(f"[bold]{job_title(work)}[/bold]\n", soft_wrap=True)
    _print_rows(out, estimate_rows(estimates))
    _print_rows(out, term_rows(estimates))
    for note in estimate_notes(estimates, validated):
        out.print(f"  {note}", soft_wrap=True)


def print_serving(out: Console, work: Serving, estimates: Sequence[ServingEstimate]) -> None:
    """A model served, on each device asked about."""
    out.print(f"[bold]{serving_title(work)}[/bold]\n", soft_wrap=True)
    for rows in serving_rows(estimates):
        _print_rows(out, rows)
    for note in serving_notes(work, estimates):
        out.print(f"  {note}", soft_wrap=True)


def print_published(out: Console, facts: Sequence[Fact], calibrations: Sequence[Calibration]) -> None:
    """Published figures, what is predicted of them, and the ratio."""
    for rows in published_rows(facts):
        _print_rows(out, rows)
    for note in published_notes(facts, calibrations):
        out.print(f"  {note}", soft_wrap=True)


def print_validation(out: Console, validation: Validation, calibration: Calibration, path: Path) -> None:
    """A real queue beside its simulation."""
    slots = f"{validation.slots} slot{'s' if validation.slots > 1 else ''}"
    out.print(
        f"[bold]{len(validation.jobs)} jobs run for real on {calibration.device.name}[/bold], {slots}, {validation.order}, "
        f"seed {validation.seed}; predicted from its {calibration.completeness} calibration of {calibration.date[:10]}\n",
        soft_wrap=True,
    )
    for rows in (job_rows(validation), piece_rows(validation), figure_rows(validation)):
        _print_rows(out, rows)
    for note in validation_notes(validation):
        out.print(f"  {note}", soft_wrap=True)
    out.print(f"\nValidation: {path}", soft_wrap=True)
