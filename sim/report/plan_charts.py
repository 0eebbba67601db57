"""The charts of studies, whose marks are plans or the inputs of one: cost against a wait, what an optimisation looked at, a tornado."""

import math
from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from sim.report.charts import COLOURS, WAITING, themed, time_unit
from sim.report.sensitivity_rows import input_names
from sim.report.words import title, value, with_interval
from sim.results.statistics import described
from sim.results.summary import Summary
from sim.study.optimisation import Optimisation
from sim.study.sensitivity import Sensitivity
from sim.study.space import said, short_names
from sim.study.sweep import COST, Sweep

ON_FRONT, BEATEN = "on the front", "beaten by another plan"
_LEAST_RATIO = 0.001
"""Shares of a limit under a thousandth are drawn at that: the axis is logarithmic."""
LOW_END, HIGH_END = "low end", "high end"
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross"]
"""With the colours, which come round after another number, more plans than anybody tries are told apart."""
LIMIT: dict[str, Any] = {"color": WAITING, "strokeDash": [5, 3], "tooltip": None}
_SAME = 1e-6
"""Costs that differ by less of themselves are drawn as one."""


def _in_one_unit(waits: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The columns of seconds, `wait`, its interval and `limit`, in the unit that reads well up to the longest; and that unit's name."""
    columns = [name for name in ("wait", "low", "high", "limit") if name in waits]
    unit, seconds = time_unit(float(waits[columns].max().max()))
    return waits.assign(**{column: waits[column] / seconds for column in columns}), unit


def _costs(costs: pd.Series) -> alt.X:
    """The axis of costs, with so many digits that no two ticks read alike; where all cost the same, that is in its middle."""
    low, high = float(costs.min()), float(costs.max())
    same = high - low <= _SAME * high
    scale = alt.Scale(domain=[0.95 * low, 1.05 * high] if high else [0, 1]) if same else alt.Scale(zero=False)
    digits = 3 if same else max(3, 1 + math.ceil(math.log10(12 * high / (high - low))))
    return alt.X("cost:Q", title="USD over the horizon", scale=scale, axis=alt.Axis(format=f"$,.{digits}~s", tickCount=6))


def _waits(waits: pd.DataFrame, heading: str) -> alt.Y:
    """The axis of waits; of plans in which nothing waits, one that is not empty."""
    return alt.Y("wait:Q", title=heading, scale=alt.Undefined if waits["high"].any() else alt.Scale(domain=[0, 1]))


def cost_against_wait(plans: Mapping[str, Summary], figure: str = "wait.p95", width: int = 620, height: int = 300) -> Any:
    """Every plan tried: cost across, p95 wait up, both with their intervals."""
    rows = []
    for plan, summary in plans.items():
        wait, cost = summary.figure(figure), summary.figure("cost.usd")
        if wait.mean is None or cost.mean is None:
            continue
        low, high = (wait.mean if edge is None else edge for edge in (wait.low, wait.high))
        said = {"paid": with_interval("cost.usd", cost), "waited": with_interval(figure, wait)}
        rows.append({"plan": plan, "cost": cost.mean, "wait": wait.mean, "low": low, "high": high} | said)
    if not rows:
        return "Cost against p95 wait: no wait was measured."
    data, unit = _in_one_unit(pd.DataFrame(rows))
    base = alt.Chart(data).encode(
        x=_costs(data["cost"]),
        color=alt.Color("plan:N", title=None, sort=None, scale=alt.Scale(range=COLOURS)),
        tooltip=["plan:N", alt.Tooltip("paid:N", title="cost"), alt.Tooltip("waited:N", title="p95 wait")],
    )
    points = base.mark_point(size=110, filled=True).encode(
        y=_waits(data, f"p95 wait, {unit}"), shape=alt.Shape("plan:N", title=None, sort=None, scale=alt.Scale(range=SHAPES))
    )
    bars = base.mark_rule(strokeWidth=2).encode(y="low:Q", y2="high:Q")
    return themed(bars + points, width, height, "Cost against p95 wait, with 95 % intervals")


def sweep_scatter(sweep: Sweep, width: int = 620, height: int = 340) -> Any:
    """Cost across, the wait to keep low up: every plan a dot, the front a line with its intervals; dashed, what a target allows."""
    names, limit = short_names(sweep.keys), math.nan if sweep.limit_s is None else sweep.limit_s
    rows = []
    for plan, one in sweep.plans.items():
        wait, cost = one.figures[sweep.target], one.figures[COST]
        if wait.mean is None or cost.mean is None:
            continue
        low, high = (wait.mean if edge is None else edge for edge in (wait.low, wait.high))
        values = ", ".join(f"{names[key]} = {said(value)}" for key, value in one.values.items())
        rows.append(
            {"plan": plan, "values": values, "limit": limit, "cost": cost.mean, "wait": wait.mean, "low": low, "high": high}
            | {"paid": with_interval(COST, cost), "waited": with_interval(sweep.target, wait)}
            | {"which": ON_FRONT if one.front else BEATEN}
        )
    if not rows:
        return f"Cost against {title(sweep.target)}: no wait was measured."
    data, unit = pd.DataFrame(rows), ""
    if described(sweep.target) != "slowdown":
        data, unit = _in_one_unit(data)
    x, y = _costs(data["cost"]), _waits(data, ", ".join(filter(None, (title(sweep.target), unit))))
    colour = alt.Color(
        "which:N", title=None, sort=[ON_FRONT, BEATEN], scale=alt.Scale(domain=[ON_FRONT, BEATEN], range=["#2b6cb0", "#cbd5e0"])
    )
    tooltip = ["plan:N", "values:N", alt.Tooltip("paid:N", title="cost"), alt.Tooltip("waited:N", title=title(sweep.target))]
    points = alt.Chart(data).mark_point(size=70, filled=True, opacity=0.9).encode(x=x, y=y, color=colour, tooltip=tooltip)
    best = alt.Chart(data[data["which"] == ON_FRONT])
    line = best.mark_line(interpolate="step-after", strokeWidth=1.5, color="#2b6cb0", tooltip=None).encode(x=x, y=y)
    bars = best.mark_rule(strokeWidth=2, color="#2b6cb0").encode(x=x, y="low:Q", y2="high:Q", tooltip=tooltip)
    allowed = [alt.Chart(data.head(1)).mark_rule(**LIMIT).encode(y="limit:Q")] if sweep.limit_s is not None else []
    drawn, dashed = alt.layer(*allowed, line, bars, points), " (dashed: what its target allows)" if allowed else ""
    return themed(drawn, width, height, f"Cost against {title(sweep.target)}{dashed}: no plan beats those on the front in both")


def optimisation_scatter(found: Optimisation, width: int = 620, height: int = 300) -> Any:
    """Every plan simulated: cost across, its worst target as a share of what is allowed up; under the line it meets them all."""
    rows = []
    for plan, one in found.plans.items():
        ratios = [(one.figures[name].mean or 0.0) / limit for name, limit in found.limits.items() if name in one.figures and limit]
        if one.cost is None or one.cost.mean is None or not ratios:
            continue
        values = ", ".join(f"{short} = {said(one.values[key])}" for key, short in short_names(found.keys).items())
        said_cost = {"cost": one.cost.mean, "paid": with_interval("cost.usd", one.cost)}
        rows.append({"plan": plan, "values": values, "ratio": max(*ratios, _LEAST_RATIO), "which": one.outcome} | said_cost)
    if not rows:
        return "Plans simulated: none."
    outcomes = {"chosen": "#2f855a", "nearest": "#dd6b20", "meets": "#2b6cb0", "unconfirmed": "#6b46c1", "misses": "#cbd5e0"}
    data = pd.DataFrame(rows)
    shown = [name for name in outcomes if name in set(data["which"])]
    points = (
        alt.Chart(data)
        .mark_point(size=90, filled=True, opacity=0.95)
        .encode(
            x=_costs(data["cost"]),
            y=alt.Y(
                "ratio:Q",
                title="worst target, share of its limit",
                scale=alt.Scale(type="log", nice=False, padding=12),
                axis=alt.Axis(format="~%"),
            ),
            color=alt.Color("which:N", title=None, sort=shown, scale=alt.Scale(domain=shown, range=[outcomes[name] for name in shown])),
            tooltip=[
                "plan:N",
                "values:N",
                alt.Tooltip("which:N", title="outcome"),
                alt.Tooltip("paid:N", title="cost"),
                alt.Tooltip("ratio:Q", title="worst target, share of its limit", format=".0%"),
            ],
        )
    )
    line = alt.Chart(pd.DataFrame({"ratio": [1.0]})).mark_rule(**LIMIT).encode(y="ratio:Q")
    return themed(line + points, width, height, "Plans simulated: under the line, every target is met")


def tornado(sensitivity: Sensitivity, figure: str, width: int = 480, most: int = 12) -> Any:
    """What each input does to the figure alone, at either end of its range; the inputs that move it most on top."""
    names = input_names(sensitivity)
    base = sensitivity.base[figure].mean or 0.0
    rows = []
    for name, effect in sensitivity.effects[figure].items():
        for end, moved, at in ((LOW_END, effect.low, sensitivity.inputs[name].low), (HIGH_END, effect.high, sensitivity.inputs[name].high)):
            if moved.mean is not None:
                said = value(figure, base + moved.mean)
                rows.append({"input": names[name], "end": end, "from": base, "to": base + moved.mean, "at": at, "said": said})
    if all(row["from"] == row["to"] for row in rows):
        return f"What moves {title(figure)}: none of these inputs does."
    data = pd.DataFrame(rows)
    unit = "USD" if figure.rpartition(".")[2] == "usd" else ""
    if "wait" in figure or "jct" in figure:
        unit, seconds = time_unit(float(data["to"].max()))
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
            tooltip=[
                "input:N",
                alt.Tooltip("end:N", title="at its"),
                alt.Tooltip("at:N", title="which is"),
                alt.Tooltip("said:N", title=title(figure)),
            ],
        )
    )
    return themed(bars, width, max(22 * len(order), 60), f"What moves {title(figure)}: each input alone")
