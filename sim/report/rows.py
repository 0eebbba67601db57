"""What a report shows, as rows of text: the terminal, the HTML page and the dashboard print the same tables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.cost.validation import Validated
from sim.report.doubts import notes_of
from sim.report.words import REASONS_IN_WORDS, TITLES, headroom_window, relative_with_interval, value, with_interval
from sim.results.commitments import BEYOND
from sim.results.summary import Summary
from sim.scenario.units import format_duration
from sim.study.comparison import Comparison

HEADLINES = (
    "wait.mean", "wait.p95", "wait.max", "slowdown.mean", "cost.usd", "cost.usd_per_month", "cost.usd_per_useful_gpu_hour", "goodput",
    "utilisation", "backlog.end_gpu_hours", "headroom.end_gpus", "cost.usd_per_job",
)  # fmt: skip
WHERE_ANY = (
    "migrations", "transfers.gb", "cost.egress_usd",
    "admission.rejected", "promises.kept", "deadlines.met", "delay.usd", BEYOND,
    "energy.kwh", "cost.energy_usd", "carbon.tonnes", "commitment.utilisation", "commitment.break_even_utilisation",
)  # fmt: skip
PLAN_HEADLINES = ("wait.mean", "wait.p95", "cost.usd", "cost.usd_per_useful_gpu_hour", "goodput")


@dataclass(frozen=True)
class Rows:
    """A table: its title, a heading a column, and cells of text.

    `numbers` are what the cells of a column say, by its heading: where there are any, a reader who can sort the table sorts by them.
    """

    title: str
    headings: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numbers: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)


def numeric(columns: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[float | None, ...]]:
    """Those of the columns that hold numbers alone."""
    return {name: values for name, values in columns.items() if all(isinstance(one, int | float) for one in values)}


def simulated_phrase(summary: Summary) -> str:
    """How much time was simulated, and what of it counts."""
    whole = f"{format_duration(summary.horizon_s)} simulated"
    if summary.warmup_s == 0:
        return whole
    return f"{whole}, waits counted from {format_duration(summary.warmup_s)} on, cost and use from the start"


def headline_rows(summary: Summary) -> Rows:
    titles = TITLES | {"headroom.end_gpus": f"headroom for new work, last {headroom_window(summary.horizon_s)}"}
    cells = [(titles[name], with_interval(name, summary.figure(name))) for name in HEADLINES]
    if summary.figure("interruptions").mean:
        cells += [(TITLES[name], with_interval(name, summary.figure(name))) for name in ("interruptions", "effective_time")]
    cells += [(TITLES[name], with_interval(name, summary.figure(name))) for name in WHERE_ANY if summary.figure(name).mean]
    return Rows("Headlines", ("figure", _interval_heading(summary)), tuple(cells))


def workload_rows(summary: Summary) -> Rows:
    """Waits and costs by workload; with the waits a trace logged beside the simulated ones, and what some scenarios ask besides."""
    names = list(summary.wait_curves)
    logged = any(f"workload.{name}.logged_wait.mean" in summary.figures for name in names)
    statistics = ["wait.mean", "wait.p50", "wait.p95", "wait.p99", "wait.max", "jct.p95"]
    besides = [part for part in ("admission.rejected", "promises.kept", "deadlines.met") if summary.figure(part).mean]
    cells = []
    for name in names:
        cells.append(_row(summary, name, ["jobs", *statistics, "cost_usd", *besides]))
        if logged:
            waits = (value(one, summary.figure(f"workload.{name}.logged_{one}").mean) for one in statistics[:-1])
            cells.append(("  as logged", "", *waits, "", "", *("" for _ in besides)))
    headings = ("workload", "jobs", *(TITLES[name] for name in statistics), "cost of its use", *(TITLES[name] for name in besides))
    return Rows("By workload", headings, tuple(cells))


def blocked_rows(summary: Summary) -> Rows:
    """Mean wait by workload and reason; reasons for which nobody waited are left out."""
    names = list(summary.wait_curves)
    means = {reason: [summary.figure(f"workload.{name}.blocked.{reason}").mean or 0.0 for name in names] for reason in REASONS_IN_WORDS}
    found = {REASONS_IN_WORDS[reason]: waits for reason, waits in means.items() if any(waits)}
    cells = tuple((name, *(format_duration(waits[index]) for waits in found.values())) for index, name in enumerate(names))
    return Rows("Why jobs waited, on average", ("workload", *found), cells if found else ())


def unit_cost_rows(summary: Summary) -> Rows:
    """What a job, and a billion tokens, cost in each workload: of the capacity that it used."""
    parts = ("cost_usd_per_job", "cost_usd_per_billion_tokens")
    figures = {name: [f"workload.{name}.{part}" for part in parts] for name in summary.wait_curves}
    cells = tuple((name, *(with_interval(one, summary.figure(one)) for one in ones)) for name, ones in figures.items())
    return Rows("Cost of a unit of work", ("workload", *(TITLES[part] for part in parts)), cells)


def _row(summary: Summary, name: str, parts: list[str]) -> tuple[str, ...]:
    figures = [f"workload.{name}.{part}" for part in parts]
    return (name, *(value(figure, summary.figure(figure).mean) for figure in figures))


def _parts_of(summary: Summary, kind: str) -> list[str]:
    """Names of the pools, tenants… that the summary has figures of."""
    return [name.removeprefix(f"{kind}.").removesuffix(".jobs") for name in summary.figures if re.fullmatch(rf"{kind}\..*\.jobs", name)]


def pool_rows(summary: Summary) -> Rows:
    parts = ("jobs", "gpu_hours_used", "gpu_hours_paid", "utilisation", "cost_usd")
    names = _parts_of(summary, "pool")
    cells = tuple((name, *(value(part, summary.figure(f"pool.{name}.{part}").mean) for part in parts)) for name in names)
    return Rows("By pool", ("pool", "jobs", "used", "paid", "utilisation", "cost"), cells)


def tenant_rows(summary: Summary) -> Rows:
    """Waits by tenant; no rows where there is one, or one for each workload."""
    names = _parts_of(summary, "tenant")
    parts = ("jobs", "wait.mean", "wait.p50", "wait.p95", "wait.max")
    cells = tuple((name, *(value(part, summary.figure(f"tenant.{name}.{part}").mean) for part in parts)) for name in names)
    return Rows("By tenant", ("tenant", *(TITLES[part] for part in parts)), cells)


def target_rows(summary: Summary) -> Rows:
    cells = tuple(
        (
            verdict.workload,
            verdict.figure.rsplit(".", 1)[1],
            format_duration(verdict.limit_s),
            with_interval(verdict.figure, summary.figure(verdict.figure)),
            verdict.outcome,
            "{} of {}".format(*summary.figure(verdict.figure).within(verdict.limit_s)),
        )
        for verdict in summary.verdicts
    )
    return Rows("Targets", ("workload", "statistic of wait", "at most", "simulated", "on average", "met in replications"), cells)


def plan_rows(comparison: Comparison) -> Rows:
    """One row a plan: headline figures with intervals, the p95 wait of each workload, and targets met."""
    first = comparison.plans[comparison.base]
    workloads = tuple(f"workload.{name}.wait.p95" for name in first.wait_curves)
    owing = (BEYOND,) if any(summary.figure(BEYOND).mean for summary in comparison.plans.values()) else ()
    headings = (
        "plan",
        *(TITLES[name] for name in (*PLAN_HEADLINES, *owing)),
        *(f"{name.split('.')[1]}: p95 wait" for name in workloads),
        "targets",
    )
    cells = []
    for plan, summary in comparison.plans.items():
        outcomes = [verdict.outcome for verdict in summary.verdicts]
        of = ", ".join(f"{outcomes.count(word)} {word}" for word in ("met", "unsure", "missed") if word in outcomes) or "–"
        cells.append((plan, *(with_interval(name, summary.figure(name)) for name in (*PLAN_HEADLINES, *owing, *workloads)), of))
    return Rows("Plans", headings, tuple(cells))


def difference_rows(comparison: Comparison) -> Rows:
    """Each plan against the first: in the figure's unit, and in percent of the first."""
    names = ("wait.mean", "wait.p95", "cost.usd")
    cells = []
    for plan, differences in comparison.differences.items():
        cells.append((plan, *(with_interval(name, differences[name]) for name in names)))
        cells.append(("  in percent", *(relative_with_interval(differences[name]) for name in names)))
    paired = all(one["cost.usd"].paired for one in comparison.differences.values())
    alike = len({summary.replications for summary in comparison.plans.values()}) == 1
    how = f"paired{'' if alike else ' over the replications that both have'}" if paired else "not paired: other seeds"
    return Rows(f"Difference from {comparison.base}, {how}", ("plan", *(TITLES[name] for name in names)), tuple(cells))


def _interval_heading(summary: Summary) -> str:
    if summary.replications == 1:
        return "a single run: no interval"
    return f"mean of {summary.replications} replications (95 % interval)"


def validated_phrase(validated: Validated) -> str:
    """How far off the calibration's last validation was, in a phrase that stands wherever the calibration is used."""
    makespan, wait = abs(validated.makespan_error), abs(validated.mean_wait_error)
    return f"validated on {validated.date[:10]} with {validated.jobs} real jobs: makespan off by {makespan:.0%}, mean wait by {wait:.0%}"


def basis_lines(summary: Summary) -> list[str]:
    """On what the figures rest, and what a reader must know before trusting them."""
    lines = []
    for basis in summary.bases:
        mark = "EXTRAPOLATED from a datasheet" if basis.extrapolated else f"measured on {basis.date[:10]} ({basis.completeness})"
        tried = f"; {validated_phrase(basis.validated)}" if basis.validated else ""
        device = f"taken to be as fast as another device, {basis.device_id} ({basis.device})" if basis.stands_in else basis.device
        lines.append(f"{basis.gpu}: {device}, {mark}; costs within ±{basis.error_p95:.0%} of measurements, 95 % of the time{tried}")
    if not summary.bases:
        lines.append("durations are the trace's own; no calibration was used")
    for name, reasons in summary.unusable.items():
        lines += [f"{name}: {count:,} {'row' if count == 1 else 'rows'} not used: {reason}" for reason, count in reasons.items()]
    return [*lines, *notes_of(summary), *summary.notes]
