"""How the dashboard shows results: every page draws a run, a study and an input error with these functions."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from altair import Undefined

from sim.report.answers import answers
from sim.report.charts import (
    backlog_over_time,
    cost_by_provider,
    utilisation_over_time,
    wait_curves,
    waits_by_reason,
)
from sim.report.doubts import warnings_of
from sim.report.optimisation_rows import considered_rows
from sim.report.plan_charts import cost_against_wait, optimisation_scatter, sweep_scatter, tornado
from sim.report.reading import Results, read_results
from sim.report.rows import (
    Rows,
    basis_lines,
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
from sim.report.sweep_rows import front_rows, sweep_rows
from sim.results.run_folder import PLANS, REPORT, read_scenario, read_summary, read_table
from sim.results.summary import Summary
from sim.scenario.errors import InputError
from sim.study.comparison import Comparison
from sim.study.optimisation import Optimisation
from sim.study.sensitivity import Sensitivity
from sim.study.sweep import Sweep

METRIC = 230
"""Pixels across a headline figure; as many stand in a row as there is room for."""
LONG, LONG_HEIGHT = 20, 600
"""A table of more rows scrolls within so many pixels."""
LETTER = 7
"""Pixels of one in a table."""
AROUND_CHART = 90
"""Pixels of axis and legend: Streamlit fits them into a chart's height, which elsewhere is that of its plot alone."""


def plain(text: str) -> str:
    """Text that Markdown shows as it is: a price keeps its dollar sign, a file name its underscores, an indented line its indent."""
    return re.sub(r"([\\`*_\[\]$<>~#:|])", r"\\\1", re.sub("^ +", "\u2003", text))


@contextmanager
def errors_shown() -> Iterator[None]:
    """Input that cannot be used becomes one line a problem instead of a traceback."""
    try:
        yield
    except InputError as error:
        for problem in error.problems:
            st.error(plain(str(problem)))


def show_folder(folder: Path, *, key: str) -> Path | None:
    """A run folder's results; of a study's, the comparison and then the plan that is chosen. Returns the run shown, if any."""
    results = read_results(folder)
    _show_heading(_of_all(results), folder, key=key)
    match results:
        case Summary():
            _show_results(folder, results)
            return folder
        case Sensitivity():
            show_sensitivity(results)
            return None
        case Sweep():
            show_sweep(results)
            kept = [plan for plan in results.plans if (folder / PLANS / plan).is_dir()]
            if not kept:
                return None
            first = kept.index(results.cheapest(kept))
            return _show_one_plan(folder, kept, lambda: st.selectbox("Plan", kept, index=first, key=f"{key}-plan-{folder}"))
        case Optimisation():
            show_optimisation(results)
            return _show_one_plan(folder, [results.final.plan])
        case Comparison():
            show_comparison(results)
            plans = list(results.plans)
            return _show_one_plan(folder, plans, lambda: st.radio("Plan", plans, horizontal=True, key=f"{key}-plan-{folder}") or plans[0])


def _of_all(results: Results) -> Summary:
    """The summary whose horizon, replications and seed are those of the whole study."""
    match results:
        case Summary():
            return results
        case Optimisation():
            return results.final
        case Comparison():
            return results.plans[results.base]
        case _:
            return results.first


def _show_one_plan(folder: Path, plans: list[str], choose: Callable[[], str] | None = None) -> Path:
    """A plan with all that its run says: the one there is, or the one that a widget has the reader choose."""
    st.subheader("One plan in detail" if choose else f"In detail: {plain(plans[0])}", divider="gray")
    shown = folder / PLANS / (choose() if choose else plans[0])
    _show_results(shown, read_summary(shown))
    return shown


def show_sweep(sweep: Sweep) -> None:
    """The trade-off, its front, and the plans."""
    _mark_doubts(sweep.first)
    _show_chart(sweep_scatter(sweep))
    show_rows(front_rows(sweep))
    show_rows(sweep_rows(sweep))


def show_optimisation(found: Optimisation) -> None:
    """The answer, its reasons, and what was considered beside it."""
    _mark_doubts(found.final)
    (st.success if found.chosen is not None else st.warning)(plain(found.answer))
    st.markdown("\n".join(f"- {plain(line)}" for line in (*found.why, f"How: {found.how}.")))
    _show_chart(optimisation_scatter(found))
    show_rows(target_rows(found.final))
    show_rows(considered_rows(found))


def show_comparison(comparison: Comparison) -> None:
    """Plans side by side: cost against wait, figures with intervals, differences, and each plan's verdict."""
    _mark_doubts(*comparison.plans.values())
    _show_chart(cost_against_wait(comparison.plans))
    show_rows(_transposed(plan_rows(comparison)))
    show_rows(difference_rows(comparison))
    _show_sentences(list(comparison.verdicts.values()))


def show_sensitivity(sensitivity: Sensitivity) -> None:
    """A tornado and a table for each figure."""
    for figure in sensitivity.effects:
        _show_chart(tornado(sensitivity, figure))
        show_rows(sensitivity_rows(sensitivity, figure))
    _show_sentences(sensitivity_notes(sensitivity))
    show_basis(sensitivity.first)


def show_rows(rows: Rows) -> None:
    """A table under its title; nothing where it has no rows. It can be sorted where it has numbers: as text, $11.6k is under $3,859."""
    if not rows.cells:
        return
    st.markdown(f"**{plain(rows.title)}**")
    words = pd.DataFrame(list(rows.cells), columns=list(rows.headings))
    if not rows.numbers:
        height: Any = LONG_HEIGHT if len(words) > LONG else "content"
        st.table(words.map(plain).rename(columns=plain), border="horizontal", hide_index=True, height=height)
        return
    numbers = words.copy()
    for name, column in rows.numbers.items():
        numbers[name] = list(column)
    told = numbers.style
    for name in rows.numbers:
        for row, text in enumerate(words[name]):  # a format without a field: what is written over the number
            told = told.format(text, subset=([row], [name]))
    widths = {name: st.column_config.Column(width=LETTER * (max(map(len, (name, *words[name]))) + 2)) for name in rows.numbers}
    st.dataframe(told, width="stretch", hide_index=True, column_config=widths)


def show_basis(summary: Summary) -> None:
    """On what the figures rest, a line each."""
    st.markdown("**What this rests on**")
    _show_sentences(basis_lines(summary))


def _show_sentences(lines: Sequence[str]) -> None:
    st.markdown("\n".join(f"- {plain(line)}" for line in lines))


def _mark_doubts(*summaries: Summary) -> None:
    if any(summary.extrapolated for summary in summaries):
        st.warning("Extrapolated: some costs rest on a datasheet, not on measurements.")
    for summary in summaries:
        for line in warnings_of(summary):
            st.warning(plain(line if len(summaries) == 1 else f"{summary.plan}: {line}"))


def _show_heading(summary: Summary, folder: Path, *, key: str) -> None:
    st.header(plain(summary.question or summary.scenario))
    st.caption(
        plain(
            f"{summary.scenario} · {simulated_phrase(summary)} · {summary.replications} replications · seed {summary.seed} · "
            f"{folder / REPORT}"
        )
    )
    report = folder / REPORT
    if report.is_file():
        st.download_button(
            "Download the report", report.read_bytes(), f"{folder.name}.html", "text/html", key=f"{key}-report-{folder}", on_click="ignore"
        )


def _show_results(folder: Path, summary: Summary) -> None:
    timeline, billing = read_table(folder, "timeline"), read_table(folder, "billing")
    _mark_doubts(summary)
    _show_headlines(headline_rows(summary))
    _show_sentences(answers(summary))
    show_rows(target_rows(summary))
    show_rows(workload_rows(summary))
    show_rows(unit_cost_rows(summary))
    cost = cost_by_provider(billing, summary.replications)
    charts = (wait_curves(summary), utilisation_over_time(timeline), backlog_over_time(timeline), cost)
    for pair in (charts[:2], charts[2:]):
        for column, chart in zip(st.columns(2), pair, strict=True):
            with column:
                _show_chart(chart)
    _show_chart(waits_by_reason(summary))
    show_rows(pool_rows(summary))
    show_rows(tenant_rows(summary))
    show_basis(summary)
    with st.expander("The scenario"):
        st.code(read_scenario(folder), language="yaml")


def _show_headlines(rows: Rows) -> None:
    """The headline figures as metrics, each with its interval beneath."""
    st.caption(plain(rows.headings[-1]))
    with st.container(horizontal=True, gap="xsmall"):
        for name, text in rows.cells:
            figure, _, interval = text.partition(" (")
            with st.container(width=METRIC, gap=None):
                st.metric(plain(name), figure)
                st.caption(plain(interval.removesuffix(")")))


def _show_chart(chart: Any) -> None:
    """A chart under its title, which wraps where there is little room; the sentence that stands in its place where there is none."""
    if isinstance(chart, str):
        st.markdown(plain(chart))
        return
    title = chart.title.to_dict()
    st.markdown(f"**{plain(title['text'])}**")
    if "subtitle" in title:
        st.caption(plain(title["subtitle"]))
    chart = chart.properties(height=chart.height + AROUND_CHART)
    chart.title = Undefined
    st.altair_chart(chart.configure_legend(orient="bottom", columns=3, labelLimit=0), width="stretch", theme=None)


def _transposed(rows: Rows) -> Rows:
    """A column a plan: few plans and many figures read better that way."""
    headings, *cells = zip(rows.headings, *rows.cells, strict=True)
    return Rows(rows.title, headings, tuple(cells))
