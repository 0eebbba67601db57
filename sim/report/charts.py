"""Every chart, once: the HTML report and the dashboard draw the same. Data in, Altair charts out, under one theme."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from sim.report.sensitivity_rows import input_names
from sim.report.words import REASONS_IN_WORDS, title
from sim.results.headroom import moving_headroom
from sim.results.ledger import UNUSED
from sim.results.statistics import described
from sim.results.summary import Summary
from sim.scenario.units import DAY, HOUR, MINUTE, format_duration
from sim.study.optimisation import Optimisation
from sim.study.sensitivity import Sensitivity
from sim.study.space import said, short_names
from sim.study.sweep import COST, Sweep

COLOURS = ["#2b6cb0", "#dd6b20", "#2f855a", "#6b46c1", "#b83280", "#4a5568"]
REASON_COLOURS = ["#6b46c1", "#dd6b20", "#d69e2e", "#c53030", "#b83280", "#2b6cb0", "#4a5568", "#2f855a"]
WAITING, CAPACITY = "#c53030", "#718096"
ON_FRONT, BEATEN = "on the front", "beaten by another plan"
_LEAST_RATIO = 0.001
"""Shares of a limit under a thousandth are drawn at that: the axis is logarithmic."""
LOW_END, HIGH_END = "low end", "high end"
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


def _themed(chart: Any, width: int, height: int, title: str) -> Any:
    return chart.properties(width=width, height=height, title=alt.TitleParams(title, anchor="start", fontSize=14))


def _time_unit(longest_s: float) -> tuple[str, float]:
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
    chart = (
        alt.Chart(pd.DataFrame(rows, columns=["workload", "share", "wait_s", "wait"]))
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
            tooltip=["workload:N", alt.Tooltip("share:Q", format=".1%"), "wait:N"],
        )
    )
    return _themed(chart, width, height, "How long jobs waited")


def _averaged(timeline: pd.DataFrame) -> pd.DataFrame:
    """The timeline's mean over replications, in days."""
    numbers = ["used_gpus", "capacity_gpus", "waiting_gpus", "waiting_jobs"]
    mean = timeline.groupby(["pool", "time_s"], observed=True)[numbers].mean().reset_index()
    mean["pool"] = mean["pool"].astype(str)
    mean["day"] = mean["time_s"] / DAY
    return mean


def utilisation_over_time(timeline: pd.DataFrame, width: int = 620, height: int = 220) -> Any:
    """GPUs used under the capacity there was, by pool."""
    mean = _averaged(timeline)
    total = mean.groupby("day")[["capacity_gpus"]].sum().reset_index()
    used = (
        alt.Chart(mean)
        .mark_area(interpolate="step")
        .encode(
            x=alt.X("day:Q", title="day"),
            y=alt.Y("used_gpus:Q", title="GPUs", stack="zero"),
            color=alt.Color("pool:N", scale=alt.Scale(range=COLOURS), title="used in"),
            tooltip=["pool", alt.Tooltip("day:Q", format=".1f"), alt.Tooltip("used_gpus:Q", format=".0f")],
        )
    )
    had = (
        alt.Chart(total).mark_line(interpolate="step", strokeDash=[5, 3]).encode(x="day:Q", y="capacity_gpus:Q", color=alt.value(CAPACITY))
    )
    return _themed(used + had, width, height, "GPUs used, and capacity (dashed)")


def backlog_over_time(timeline: pd.DataFrame, width: int = 620, height: int = 180) -> Any:
    """GPUs that waiting jobs ask for, all pools together."""
    total = _averaged(timeline).groupby("day")[["waiting_gpus", "waiting_jobs"]].sum().reset_index()
    chart = (
        alt.Chart(total)
        .mark_area(interpolate="step", opacity=0.75)
        .encode(
            x=alt.X("day:Q", title="day"),
            y=alt.Y("waiting_gpus:Q", title="GPUs waited for"),
            color=alt.value(WAITING),
            tooltip=[alt.Tooltip("day:Q", format=".1f"), alt.Tooltip("waiting_jobs:Q", format=".1f")],
        )
    )
    return _themed(chart, width, height, "Queue: GPUs that waiting jobs ask for")


def waits_by_reason(summary: Summary, width: int = 620, height: int = 180) -> Any:
    """Mean wait by workload, split by what the jobs waited for."""
    rows = []
    for name in summary.wait_curves:
        for order, (reason, words) in enumerate(REASONS_IN_WORDS.items()):
            wait = summary.figure(f"workload.{name}.blocked.{reason}").mean
            if wait:
                rows.append({"workload": name, "reason": words, "order": order, "wait_s": wait})
    data = pd.DataFrame(rows, columns=["workload", "reason", "order", "wait_s"])
    unit, seconds = _time_unit(float(data.groupby("workload")["wait_s"].sum().max() if rows else 0.0))
    data["wait"] = data["wait_s"] / seconds
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
            tooltip=["workload:N", "reason:N", alt.Tooltip("wait:Q", title=f"wait, {unit}", format=".3g")],
        )
    )
    return _themed(chart, width, height, "Why jobs waited")


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
    return _themed(band + line + zero, width, height, f"Headroom at {target_utilisation:.0%} utilisation, over the week before")


def cost_by_provider(billing: pd.DataFrame, width: int = 620, height: int = 180) -> Any:
    """Effective cost by provider, split by the workload that used it."""
    runs = billing["x_Replication"].nunique()
    cost = billing.groupby(["ResourceId", "x_Workload"])["EffectiveCost"].sum().div(runs).reset_index()
    users = sorted(set(cost["x_Workload"]) - {UNUSED})
    scale = alt.Scale(domain=[*users, UNUSED], range=[*(COLOURS[index % len(COLOURS)] for index in range(len(users))), CAPACITY])
    chart = (
        alt.Chart(cost)
        .mark_bar()
        .encode(
            x=alt.X("EffectiveCost:Q", title="USD over the horizon", stack="zero", axis=alt.Axis(format="$,.3~s", tickCount=5)),
            y=alt.Y("ResourceId:N", title=None),
            color=alt.Color("x_Workload:N", title="used by", scale=scale),
            tooltip=["ResourceId", "x_Workload", alt.Tooltip("EffectiveCost:Q", format="$,.0f")],
        )
    )
    return _themed(chart, width, height, "What it cost, by pool and use")


def _in_one_unit(waits: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The columns of seconds, `wait` and its interval, in the unit that reads well up to the longest; and that unit's name."""
    columns = ["wait", "low", "high"]
    unit, seconds = _time_unit(float(waits["high"].max()) if len(waits) else 0.0)
    return waits.assign(**{column: waits[column] / seconds for column in columns}), unit


def cost_against_wait(plans: Mapping[str, Summary], figure: str = "wait.p95", width: int = 620, height: int = 300) -> Any:
    """Every plan tried: cost across, p95 wait up, both with their intervals."""
    rows = []
    for plan, summary in plans.items():
        wait, cost = summary.figure(figure), summary.figure("cost.usd")
        if wait.mean is None or cost.mean is None:
            continue
        low, high = (wait.mean if edge is None else edge for edge in (wait.low, wait.high))
        rows.append({"plan": plan, "cost": cost.mean, "wait": wait.mean, "low": low, "high": high})
    data, unit = _in_one_unit(pd.DataFrame(rows, columns=["plan", "cost", "wait", "low", "high"]))
    base = alt.Chart(data).encode(
        x=alt.X("cost:Q", title="USD over the horizon", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,.3~s", tickCount=6)),
        color=alt.Color("plan:N", title=None, sort=None, scale=alt.Scale(range=COLOURS)),
    )
    points = base.mark_point(size=110, filled=True).encode(
        y=alt.Y("wait:Q", title=f"p95 wait, {unit}"),
        tooltip=["plan", alt.Tooltip("cost:Q", format="$,.0f"), alt.Tooltip("wait:Q", title=f"wait, {unit}", format=".3g")],
    )
    bars = base.mark_rule(strokeWidth=2).encode(y="low:Q", y2="high:Q")
    return _themed(bars + points, width, height, "Cost against p95 wait, with 95 % intervals")


def sweep_scatter(sweep: Sweep, width: int = 620, height: int = 340) -> Any:
    """Cost across, the wait to keep low up: every plan a dot, the front a line with its intervals."""
    names = short_names(sweep.keys)
    rows = []
    for plan, one in sweep.plans.items():
        wait, cost = one.figures[sweep.target], one.figures[COST]
        if wait.mean is None or cost.mean is None:
            continue
        low, high = (wait.mean if edge is None else edge for edge in (wait.low, wait.high))
        values = ", ".join(f"{names[key]} = {said(value)}" for key, value in one.values.items())
        rows.append(
            {"plan": plan, "values": values, "cost": cost.mean, "wait": wait.mean, "low": low, "high": high}
            | {"which": ON_FRONT if one.front else BEATEN}
        )
    data = pd.DataFrame(rows, columns=["plan", "values", "cost", "wait", "low", "high", "which"])
    unit = ""
    if described(sweep.target) != "slowdown":
        data, unit = _in_one_unit(data)
    x = alt.X("cost:Q", title="USD over the horizon", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,.3~s", tickCount=6))
    y = alt.Y("wait:Q", title=", ".join(filter(None, (title(sweep.target), unit))))
    colour = alt.Color(
        "which:N", title=None, sort=[ON_FRONT, BEATEN], scale=alt.Scale(domain=[ON_FRONT, BEATEN], range=["#2b6cb0", "#cbd5e0"])
    )
    tooltip = [
        "plan",
        "values",
        alt.Tooltip("cost:Q", format="$,.0f"),
        alt.Tooltip("wait:Q", title=unit or title(sweep.target), format=".3g"),
    ]
    points = alt.Chart(data).mark_point(size=70, filled=True, opacity=0.9).encode(x=x, y=y, color=colour, tooltip=tooltip)
    best = alt.Chart(data[data["which"] == ON_FRONT])
    line = best.mark_line(interpolate="step-after", strokeWidth=1.5, color="#2b6cb0").encode(x=x, y=y)
    bars = best.mark_rule(strokeWidth=2, color="#2b6cb0").encode(x=x, y="low:Q", y2="high:Q")
    return _themed(line + bars + points, width, height, f"Cost against {title(sweep.target)}: no plan beats those on the front in both")


def optimisation_scatter(found: Optimisation, width: int = 620, height: int = 300) -> Any:
    """Every plan simulated: cost across, its worst target as a share of what is allowed up; under the line it meets them all."""
    rows = []
    for plan, one in found.plans.items():
        ratios = [(one.figures[name].mean or 0.0) / limit for name, limit in found.limits.items() if name in one.figures and limit]
        if one.cost is None or one.cost.mean is None or not ratios:
            continue
        values = ", ".join(f"{short} = {said(one.values[key])}" for key, short in short_names(found.keys).items())
        rows.append({"plan": plan, "values": values, "cost": one.cost.mean, "ratio": max(*ratios, _LEAST_RATIO), "which": one.outcome})
    outcomes = {"chosen": "#2f855a", "nearest": "#dd6b20", "meets": "#2b6cb0", "unconfirmed": "#6b46c1", "misses": "#cbd5e0"}
    data = pd.DataFrame(rows, columns=["plan", "values", "cost", "ratio", "which"])
    shown = [name for name in outcomes if name in set(data["which"])]
    points = (
        alt.Chart(data)
        .mark_point(size=90, filled=True, opacity=0.95)
        .encode(
            x=alt.X("cost:Q", title="USD over the horizon", scale=alt.Scale(zero=False), axis=alt.Axis(format="$,.3~s", tickCount=6)),
            y=alt.Y(
                "ratio:Q",
                title="worst target, share of its limit",
                scale=alt.Scale(type="log", nice=False, padding=12),
                axis=alt.Axis(format="~%"),
            ),
            color=alt.Color("which:N", title=None, sort=shown, scale=alt.Scale(domain=shown, range=[outcomes[name] for name in shown])),
            tooltip=["plan", "values", "which", alt.Tooltip("cost:Q", format="$,.0f"), alt.Tooltip("ratio:Q", format=".0%")],
        )
    )
    line = alt.Chart(pd.DataFrame({"ratio": [1.0]})).mark_rule(color=WAITING, strokeDash=[5, 3]).encode(y="ratio:Q")
    return _themed(line + points, width, height, "Plans simulated: under the line, every target is met")


def tornado(sensitivity: Sensitivity, figure: str, width: int = 480, most: int = 12) -> Any:
    """What each input does to the figure alone, at either end of its range; the inputs that move it most on top."""
    names = input_names(sensitivity)
    base = sensitivity.base[figure].mean or 0.0
    rows = []
    for name, effect in sensitivity.effects[figure].items():
        for end, moved, at in ((LOW_END, effect.low, sensitivity.inputs[name].low), (HIGH_END, effect.high, sensitivity.inputs[name].high)):
            if moved.mean is not None:
                rows.append({"input": names[name], "end": end, "from": base, "to": base + moved.mean, "at": at})
    data = pd.DataFrame(rows, columns=["input", "end", "from", "to", "at"])
    unit = "USD" if figure.rpartition(".")[2] == "usd" else ""
    if "wait" in figure or "jct" in figure:
        unit, seconds = _time_unit(float(data["to"].max()) if rows else 0.0)
        data = data.assign(**{"from": data["from"] / seconds, "to": data["to"] / seconds})
    swing = (data["to"] - data["from"]).abs().groupby(data["input"]).max().sort_values(ascending=False)
    order = list(swing.index[:most])
    axis = alt.X("from:Q", title=", ".join(filter(None, (title(figure), unit))), scale=alt.Scale(zero=False))
    bars = (
        alt.Chart(data[data["input"].isin(order)])
        .mark_bar(opacity=0.85)
        .encode(
            x=axis,
            x2="to:Q",
            y=alt.Y("input:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color("end:N", title="input at its", scale=alt.Scale(domain=[LOW_END, HIGH_END], range=COLOURS[:2])),
            tooltip=["input", "at", alt.Tooltip("to:Q", format=".4g")],
        )
    )
    return _themed(bars, width, max(22 * len(order), 60), f"What moves {title(figure)}: each input alone")


def svg(chart: Any) -> str:
    """The chart as one SVG element, drawn without a browser."""
    import vl_convert

    text: str = vl_convert.vegalite_to_svg(chart.to_json())
    return text
