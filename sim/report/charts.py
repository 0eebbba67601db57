"""The charts of one run, and the theme of every chart: the HTML report and the dashboard draw the same. Data in, Altair charts out.

Where there is nothing to draw, a sentence stands in the chart's place: an axis around nothing has ticks that say nothing.
"""

from html import escape
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from sim.report.words import REASONS_IN_WORDS, headroom_window, usd
from sim.results.headroom import moving_headroom
from sim.results.ledger import UNUSED
from sim.results.summary import Summary
from sim.scenario.units import DAY, HOUR, MINUTE, format_duration

COLOURS = [
    "#2b6cb0", "#dd6b20", "#2f855a", "#6b46c1", "#b83280", "#4a5568", "#0bc5ea", "#d69e2e", "#68d391", "#b794f4", "#9b2c2c", "#744210",
]  # fmt: skip
REASON_COLOURS = ["#6b46c1", "#dd6b20", "#d69e2e", "#c53030", "#b83280", "#2b6cb0", "#4a5568", "#2f855a"]
WAITING, CAPACITY = "#c53030", "#718096"
_SHORTEST_S = MINUTE
"""Waits under a minute are drawn at a minute: the axis is logarithmic."""
_WAIT_TICKS = (MINUTE, 5 * MINUTE, 20 * MINUTE, HOUR, 4 * HOUR, DAY, 7 * DAY, 30 * DAY)
_SAID_DURATION = (
    f"datum.value < {HOUR} ? datum.value / {MINUTE} + ' min'"
    f" : datum.value < {DAY} ? datum.value / {HOUR} + ' h' : datum.value / {DAY} + ' d'"
)
_UNITS = {"hours": HOUR, "minutes": MINUTE, "seconds": 1.0}
_DAYS_FROM_S = 3 * DAY
"""Spans up to here are told in hours."""


def themed(chart: Any, width: int, height: int, title: str, under: str = "") -> Any:
    said = alt.TitleParams(title, anchor="start", fontSize=14, subtitle=under or alt.Undefined, subtitleColor="#4a5568")
    return chart.properties(width=width, height=height, title=said)


def mean_of(replications: int) -> str:
    """Under the title of what is drawn of several replications at once."""
    return f"mean of {replications} replications" if replications > 1 else ""


def time_unit(longest_s: float) -> tuple[str, float]:
    """The unit in which a time axis reads well up to here: its name and its seconds."""
    if longest_s >= _DAYS_FROM_S:
        return "days", DAY
    return next(((name, unit) for name, unit in _UNITS.items() if longest_s >= unit), ("seconds", 1.0))


def wait_curves(summary: Summary, width: int = 620, height: int = 260) -> Any:
    """Share of each workload's jobs that waited no longer than…"""
    rows = [
        {"workload": name, "share": quantile, "wait_s": max(wait, _SHORTEST_S), "wait": format_duration(wait)}
        for name, curve in summary.wait_curves.items()
        for quantile, wait in zip(curve.quantiles, curve.wait_s, strict=True)
    ]
    if not rows:
        return "How long jobs waited: no job was measured."
    if all(row["wait_s"] == _SHORTEST_S for row in rows):
        return "How long jobs waited: none longer than a minute."
    chart = (
        alt.Chart(pd.DataFrame(rows))
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(
            x=alt.X(
                "wait_s:Q",
                title="wait (a minute or less at the left edge)",
                scale=alt.Scale(type="log", nice=False, domainMin=_SHORTEST_S),
                axis=alt.Axis(values=list(_WAIT_TICKS), labelExpr=_SAID_DURATION),
            ),
            y=alt.Y("share:Q", title="share of jobs", axis=alt.Axis(format="%")),
            color=alt.Color("workload:N", scale=alt.Scale(range=COLOURS), title=None),
            order="share:Q",
            tooltip=[
                "workload:N",
                alt.Tooltip("share:Q", title="share of jobs", format=".1%"),
                alt.Tooltip("wait:N", title="waited at most"),
            ],
        )
    )
    return themed(chart, width, height, "How long jobs waited", mean_of(summary.replications))


def _averaged(timeline: pd.DataFrame) -> pd.DataFrame:
    """The timeline's mean over replications, in days."""
    numbers = ["used_gpus", "capacity_gpus", "waiting_gpus", "waiting_jobs"]
    mean = timeline.groupby(["pool", "time_s"], observed=True)[numbers].mean().reset_index()
    mean["pool"] = mean["pool"].astype(str)
    mean["day"] = mean["time_s"] / DAY
    return mean


def utilisation_over_time(timeline: pd.DataFrame, width: int = 620, height: int = 220) -> Any:
    """GPUs used under the capacity there was, by pool."""
    mean, day = _averaged(timeline), alt.Tooltip("day:Q", format=".1f")
    total = mean.groupby("day")[["capacity_gpus"]].sum().reset_index()
    used = (
        alt.Chart(mean)
        .mark_area(interpolate="step")
        .encode(
            x=alt.X("day:Q", title="day"),
            y=alt.Y("used_gpus:Q", title="GPUs", stack="zero"),
            color=alt.Color("pool:N", scale=alt.Scale(range=COLOURS), title="used in"),
            tooltip=["pool:N", day, alt.Tooltip("used_gpus:Q", title="GPUs used", format=",.1f")],
        )
    )
    had = (
        alt.Chart(total)
        .mark_line(interpolate="step", strokeDash=[5, 3])
        .encode(
            x="day:Q",
            y="capacity_gpus:Q",
            color=alt.value(CAPACITY),
            tooltip=[day, alt.Tooltip("capacity_gpus:Q", title="capacity, GPUs", format=",.1f")],
        )
    )
    return themed(used + had, width, height, "GPUs used, and capacity (dashed)", mean_of(timeline["replication"].nunique()))


def backlog_over_time(timeline: pd.DataFrame, width: int = 620, height: int = 180) -> Any:
    """GPUs that waiting jobs ask for, all pools together."""
    total = _averaged(timeline).groupby("day")[["waiting_gpus", "waiting_jobs"]].sum().reset_index()
    if not total["waiting_gpus"].any():
        return "Queue: no job ever stood in it."
    chart = (
        alt.Chart(total)
        .mark_area(interpolate="step", opacity=0.75)
        .encode(
            x=alt.X("day:Q", title="day"),
            y=alt.Y("waiting_gpus:Q", title="GPUs waited for"),
            color=alt.value(WAITING),
            tooltip=[
                alt.Tooltip("day:Q", format=".1f"),
                alt.Tooltip("waiting_jobs:Q", title="jobs waiting", format=",.1f"),
                alt.Tooltip("waiting_gpus:Q", title="GPUs waited for", format=",.1f"),
            ],
        )
    )
    return themed(chart, width, height, "Queue: GPUs that waiting jobs ask for", mean_of(timeline["replication"].nunique()))


def waits_by_reason(summary: Summary, width: int = 620, height: int = 180) -> Any:
    """Mean wait by workload, split by what the jobs waited for."""
    rows = []
    for name in summary.wait_curves:
        for order, (reason, words) in enumerate(REASONS_IN_WORDS.items()):
            wait = summary.figure(f"workload.{name}.blocked.{reason}").mean
            if wait:
                rows.append({"workload": name, "reason": words, "order": order, "wait_s": wait})
    if not rows:
        return "Why jobs waited: none did."
    data = pd.DataFrame(rows)
    unit, seconds = time_unit(float(data.groupby("workload")["wait_s"].sum().max()))
    data["wait"], data["said"] = data["wait_s"] / seconds, data["wait_s"].map(format_duration)
    present = set(data["reason"])
    colours = {words: colour for words, colour in zip(REASONS_IN_WORDS.values(), REASON_COLOURS, strict=True) if words in present}
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X("wait:Q", title=f"mean wait, {unit}", stack="zero", axis=alt.Axis(tickCount=8)),
            y=alt.Y("workload:N", title=None),
            color=alt.Color("reason:N", title="waited because", scale=scale),
            order="order:Q",
            tooltip=["workload:N", alt.Tooltip("reason:N", title="because"), alt.Tooltip("said:N", title="mean wait")],
        )
    )
    return themed(chart, width, height, "Why jobs waited", mean_of(summary.replications))


def headroom_over_time(timeline: pd.DataFrame, target_utilisation: float, width: int = 620, height: int = 180) -> Any:
    """GPUs that the work arriving would leave free at the target utilisation: moving weeks, mean of replications and their middle 90 %."""
    total = timeline.groupby(["replication", "time_s"])[["capacity_gpus", "offered_gpus"]].sum().reset_index("time_s")
    spans = int(total.groupby("replication").size().iloc[0])
    horizon_s = float(total["time_s"].iloc[:spans].sum()) * 2 / spans
    free = target_utilisation * total["capacity_gpus"].to_numpy() - total["offered_gpus"].to_numpy()
    ends, moving = moving_headroom(free.reshape(-1, spans), horizon_s)
    low, high = np.quantile(moving, (0.05, 0.95), axis=0)
    data = pd.DataFrame({"day": ends / DAY, "free": moving.mean(axis=0), "low": low, "high": high})
    base = alt.Chart(data).encode(x=alt.X("day:Q", title="day"))
    band = base.mark_area(opacity=0.25).encode(y=alt.Y("low:Q", title="GPUs free"), y2="high:Q", color=alt.value(COLOURS[2]))
    line = base.mark_line(strokeWidth=2).encode(y="free:Q", color=alt.value(COLOURS[2]))
    zero = alt.Chart(pd.DataFrame({"free": [0.0]})).mark_rule(strokeDash=[5, 3]).encode(y="free:Q", color=alt.value(WAITING))
    title = f"Headroom at {target_utilisation:.0%} utilisation, over the {headroom_window(horizon_s)} before"
    return themed(band + line + zero, width, height, title)


def cost_by_provider(billing: pd.DataFrame, replications: int, width: int = 620, height: int = 180) -> Any:
    """Effective cost by provider, split by the workload that used it; replications without a charge count as well."""
    if billing.empty or not billing["EffectiveCost"].any():
        return "What it cost: nothing."
    cost = billing.groupby(["ResourceId", "x_Workload"])["EffectiveCost"].sum().div(replications).reset_index()
    cost["said"] = cost["EffectiveCost"].map(usd)
    users = sorted(set(cost["x_Workload"]) - {UNUSED})
    scale = alt.Scale(domain=[*users, UNUSED], range=[*(COLOURS[index % len(COLOURS)] for index in range(len(users))), CAPACITY])
    chart = (
        alt.Chart(cost)
        .mark_bar()
        .encode(
            x=alt.X("EffectiveCost:Q", title="USD over the horizon", stack="zero", axis=alt.Axis(format="$,.3~s", tickCount=5)),
            y=alt.Y("ResourceId:N", title=None),
            color=alt.Color("x_Workload:N", title="used by", scale=scale),
            tooltip=[
                alt.Tooltip("ResourceId:N", title="pool"),
                alt.Tooltip("x_Workload:N", title="used by"),
                alt.Tooltip("said:N", title="cost"),
            ],
        )
    )
    return themed(chart, width, height, "What it cost, by pool and use", mean_of(replications))


def svg(chart: Any) -> str:
    """The chart as one SVG element, drawn without a browser; the sentence in its place as a paragraph."""
    import vl_convert

    if isinstance(chart, str):
        return f"<p>{escape(chart)}</p>"
    text: str = vl_convert.vegalite_to_svg(chart.to_json())
    return text
