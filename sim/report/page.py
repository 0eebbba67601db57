"""The HTML report: one self-contained file, no script, no fetch, that prints as it looks."""

from collections.abc import Iterable, Sequence
from html import escape

import pandas as pd

from sim.report.answers import answers
from sim.report.charts import (
    backlog_over_time,
    cost_by_provider,
    headroom_over_time,
    svg,
    utilisation_over_time,
    wait_curves,
    waits_by_reason,
)
from sim.report.doubts import warnings_of
from sim.report.optimisation_rows import considered_rows
from sim.report.plan_charts import cost_against_wait, optimisation_scatter, sweep_scatter, tornado
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
from sim.report.sweep_rows import front_rows, sweep_rows
from sim.results.summary import Summary
from sim.study.comparison import Comparison
from sim.study.optimisation import Optimisation
from sim.study.sensitivity import Sensitivity
from sim.study.sweep import Sweep

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a202c; max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
.under { color: #4a5568; margin-top: 0 } .mark { background: #fefcbf; padding: .4rem .7rem; border-left: 4px solid #d69e2e }
table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e2e8f0; vertical-align: top }
th:first-child, td:first-child { text-align: left; white-space: nowrap } .text { text-align: left } th { font-weight: 600; color: #4a5568 }
.answer { font-size: 1.15rem; font-weight: 600; border-left: 4px solid #2b6cb0; padding: .4rem .8rem; background: #ebf8ff }
svg { max-width: 100%; height: auto } details { margin: 1rem 0 } pre { background: #f7fafc; padding: 1rem; overflow-x: auto }
"""


def summary_page(summary: Summary, tables: dict[str, pd.DataFrame], scenario_yaml: str) -> str:
    """The report of one run."""
    waits = () if summary.unmeasured else (wait_curves(summary), waits_by_reason(summary))
    told = "headroom.end_gpus" in summary.figures
    charts = (
        *waits,
        utilisation_over_time(tables["timeline"]),
        backlog_over_time(tables["timeline"]),
        *([headroom_over_time(tables["timeline"], summary.target_utilisation)] if told else []),
        cost_by_provider(tables["billing"], summary.replications),
    )
    parts = (target_rows, workload_rows, blocked_rows, unit_cost_rows, pool_rows, tenant_rows)
    rows = [part(summary) for part in parts]
    said = [*_warnings(summary), _table(headline_rows(summary)), *_list("Answers", answers(summary))]
    return _page(summary, [*said, *map(_table, rows), *map(svg, charts), _source(scenario_yaml)])


def comparison_page(comparison: Comparison, scenario_yaml: str) -> str:
    """The report of a comparison: plans side by side, then each plan's workloads, pools and waits."""
    first = comparison.plans[comparison.base]
    parts = [line for plan, summary in comparison.plans.items() for line in _warnings(summary, of=f"{plan}: ")]
    parts += _list("Verdict", list(comparison.verdicts.values()))
    parts += [_table(plan_rows(comparison)), _table(difference_rows(comparison)), svg(cost_against_wait(comparison.plans))]
    for plan, summary in comparison.plans.items():
        parts += [
            f"<h2>Plan: {escape(plan)}</h2>",
            *_list("Answers", answers(summary)),
            *map(_table, (target_rows(summary), workload_rows(summary), pool_rows(summary))),
        ]
        parts += [] if summary.unmeasured else [svg(wait_curves(summary))]
    return _page(first, [*parts, _source(scenario_yaml)], question=comparison.question)


def sweep_page(sweep: Sweep, scenario_yaml: str) -> str:
    """The report of a sweep: the trade-off, its front, and the plans; its size does not grow with their number."""
    parts = [svg(sweep_scatter(sweep)), _table(front_rows(sweep)), _table(sweep_rows(sweep))]
    return _page(sweep.first, [*parts, _source(scenario_yaml)])


def optimisation_page(found: Optimisation, scenario_yaml: str) -> str:
    """The report of an optimisation: the answer, why, the plan named, and what was considered beside it."""
    why = "".join(f"<li>{escape(line)}</li>" for line in (*found.why, f"How: {found.how}."))
    plan = found.chosen or found.nearest
    parts = [
        f'<p class="answer">{escape(found.answer)}</p><ul>{why}</ul>',
        svg(optimisation_scatter(found)),
        _table(considered_rows(found)),
    ]
    parts += [
        f"<h2>Plan: {escape(str(plan))}</h2>",
        *map(_table, (target_rows(found.final), workload_rows(found.final), pool_rows(found.final))),
    ]
    return _page(found.final, [*parts, _source(scenario_yaml)], question=found.question)


def sensitivity_page(sensitivity: Sensitivity, scenario_yaml: str) -> str:
    """The report of a sensitivity study: a tornado and a table for each figure."""
    parts = []
    for figure in sensitivity.effects:
        parts += [svg(tornado(sensitivity, figure)), _table(sensitivity_rows(sensitivity, figure))]
    parts += _list("How to read this", sensitivity_notes(sensitivity))
    return _page(sensitivity.first, [*parts, _source(scenario_yaml)])


def _page(summary: Summary, parts: Iterable[str], *, question: str = "") -> str:
    heading = escape(question or summary.question or summary.scenario)
    under = (
        f"{escape(summary.scenario)} · {simulated_phrase(summary)} · replications: {summary.replications} · seed {summary.seed} · "
        f"leadtime {escape(summary.leadtime_version)}"
    )
    mark = '<p class="mark">Extrapolated: some costs rest on a datasheet, not on measurements.</p>' if summary.extrapolated else ""
    basis = "".join(f"<li>{escape(line)}</li>" for line in basis_lines(summary))
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{heading}</title><style>{_STYLE}</style></head><body>\n'
        f'<h1>{heading}</h1><p class="under">{under}</p>{mark}\n{body}\n<h2>What this rests on</h2><ul>{basis}</ul>\n</body></html>\n'
    )


def _list(title: str, lines: Sequence[str]) -> list[str]:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return [f"<h2>{title}</h2><ul>{items}</ul>"] if items else []


def _warnings(summary: Summary, *, of: str = "") -> list[str]:
    return [f'<p class="mark">{escape(of + line)}</p>' for line in warnings_of(summary)]


def _table(rows: Rows) -> str:
    if not rows.cells:
        return ""
    marks = [' class="text"' if _is_text(column) else "" for column in zip(*rows.cells, strict=True)]

    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in zip(marks, cells, strict=True)) + "</tr>"

    head, body = line("th", rows.headings), "".join(line("td", row) for row in rows.cells)
    return f"<h2>{escape(rows.title)}</h2><table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _is_text(cells: Sequence[str]) -> bool:
    """Whether a column holds words, which read from the left, and no numbers, which line up on the right."""
    return all(cell[:1].isalpha() or cell in ("", "–") for cell in cells) and any(len(cell) > 1 for cell in cells)


def _source(scenario_yaml: str) -> str:
    return f"<details><summary>The scenario</summary><pre>{escape(scenario_yaml)}</pre></details>"
