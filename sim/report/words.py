"""Figures in words and units that a planner reads: one place decides how a duration, a price or a share is written."""

import math
from collections.abc import Mapping

from sim.results.commitments import BEYOND
from sim.results.difference import Difference
from sim.results.headroom import window_s
from sim.results.statistics import Estimate, described
from sim.scenario.units import WEEK, format_duration

TITLES = {
    "wait.mean": "mean wait",
    "wait.p50": "p50 wait",
    "wait.p95": "p95 wait",
    "wait.p99": "p99 wait",
    "wait.max": "longest wait",
    "jct.mean": "mean JCT",
    "jct.p95": "p95 JCT",
    "slowdown.mean": "mean slowdown",
    "slowdown.p95": "p95 slowdown",
    "cost.usd": "cost",
    "cost.usd_per_month": "cost a month (30 d)",
    "cost.billed_usd": "billed in the horizon",
    BEYOND: "committed beyond the horizon",
    "cost.unused_usd": "paid and unused",
    "energy.kwh": "energy drawn",
    "energy.idle_kwh": "of it while idle",
    "cost.energy_usd": "cost of energy",
    "carbon.tonnes": "CO2e emitted",
    "commitment.utilisation": "owned and committed, used",
    "commitment.break_even_utilisation": "owned and committed pay from",
    "cost.usd_per_useful_gpu_hour": "per useful GPU-hour",
    "goodput": "goodput (useful of paid)",
    "utilisation": "utilisation (used of had)",
    "backlog.end_gpu_hours": "backlog at the end",
    "jobs": "jobs",
    "effective_time": "effective running time",
    "interruptions": "interruptions",
    "makespan": "makespan",
    "transfers": "moves of data",
    "transfers.gb": "data moved",
    "cost.egress_usd": "cost of moving data",
    "migrations": "waiting jobs moved",
    "admission.rejected": "jobs turned away",
    "deadlines.met": "deadlines met",
    "delay.usd": "what waits cost (not billed)",
    "promises.kept": "promised starts kept",
    "cost.usd_per_job": "cost per job, all that was paid",
    "cost_usd_per_job": "cost per job",
    "cost_usd_per_billion_tokens": "cost per B tokens",
    "headroom.end_gpus": "headroom for new work, at the end",
    "headroom.least_gpus": "headroom for new work, at its least",
}


REASONS_IN_WORDS = {
    "data": "its data were on the way",
    "provisioning": "the provider had not answered yet",
    "no_capacity": "the pool had too few GPUs yet",
    "broken": "nodes were broken",
    "quota": "the provider's quota was used up",
    "queue": "running jobs held the GPUs",
    "head_of_line": "behind a job that waited for more",
    "fragmentation": "GPUs were free, but not on the nodes it needs",
}
"""Why a job waits (`sim.results.blocked`), as a planner says it."""


def headroom_window(horizon_s: float) -> str:
    """What headroom is taken over, as after "the last": ``week``, or ``1.25 d`` where the horizon is too short for weeks."""
    length_s = window_s(horizon_s)
    return "week" if length_s == WEEK else format_duration(length_s)


def title(figure: str) -> str:
    """What a figure is called; parts of a plan are named first: ``finetune: p95 wait``."""
    if figure in TITLES:
        return TITLES[figure]
    kind, _, rest = figure.partition(".")
    name, _, statistic = rest.partition(".")
    return f"{name}: {TITLES.get(statistic, statistic)}" if kind in ("workload", "tenant", "provider") else figure


def _count(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def usd(value: float) -> str:
    sign, size = ("-" if value < 0 else ""), abs(value)
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if size >= limit:
            scale = {"B": 1e9, "M": 1e6, "k": 1e3}[suffix]
            return f"{sign}${size / scale:.3g}{suffix}"
    if size < 1e-6:  # what rounding leaves of a sum that is nothing
        return "$0.00"
    if 0 < size < 0.0995:  # two significant digits, never $0.00
        return f"{sign}${size:.{1 - math.floor(math.log10(size))}f}"
    return f"{sign}${size:,.2f}" if size < 100 else f"{sign}${size:,.0f}"


def scaled(number: float, units: Mapping[str, float]) -> str:
    """Three significant digits in the largest unit that keeps the number at 1 or more; `units` from the largest to the smallest."""
    unit = next((unit for unit, scale in units.items() if abs(number) >= scale), list(units)[-1])
    inside = number / units[unit]
    return f"{inside:,.0f} {unit}".rstrip() if abs(inside) >= 1000 else f"{inside:.3g} {unit}".rstrip()


def size(number: float) -> str:
    """Bytes."""
    return scaled(number, {"TB": 1e12, "GB": 1e9, "MB": 1e6, "kB": 1e3, "B": 1.0})


def energy(joules: float) -> str:
    return scaled(joules, {"GWh": 3.6e12, "MWh": 3.6e9, "kWh": 3.6e6, "Wh": 3.6e3, "J": 1.0})


def amount(number: float) -> str:
    """Tokens and the like, as a scenario writes them: ``300M``."""
    return scaled(number, {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3, "": 1.0}).replace(" ", "")


def value(figure: str, number: float | None) -> str:
    """One number of this figure with its unit; a dash where there is none."""
    if number is None or not math.isfinite(number):
        return "–"
    last = figure.rsplit(".", 2)
    if described(figure) == "slowdown":
        return f"{number:.3g}×"
    if described(figure) in ("wait", "jct", "logged_wait") or figure.endswith("_s"):
        return format_duration(number)
    if "usd" in last[-1]:
        return usd(number)
    if last[-1].endswith("kwh"):
        return energy(number * 3.6e6)
    if figure.endswith("carbon.tonnes"):
        return f"{number:.3g} t"
    if figure == "transfers.gb":
        return size(number * 1e9)
    if last[-1] == "break_even_utilisation" and number > 1:
        return "never"
    if last[-1] in ("goodput", "utilisation", "break_even_utilisation", "effective_time") or figure.endswith(
        ("promises.kept", "deadlines.met")
    ):
        return f"{number:.1%}"
    if last[-1].endswith("_gpus"):
        return f"{_count(number)} GPUs"
    return f"{_count(number)} GPU-h" if "gpu_hours" in last[-1] else _count(number)


def with_interval(figure: str, estimate: Estimate) -> str:
    """``2.1 h (1.8 h – 2.4 h)``; the number alone where there is no interval or it has no width."""
    text = value(figure, estimate.mean)
    if estimate.low is None or estimate.high is None:
        return text
    low, high = value(figure, estimate.low), value(figure, estimate.high)
    return text if low == high else f"{text} ({low} – {high})"


def relative_with_interval(difference: Difference) -> str:
    """``-41% (-46% – -36%)``, of the plan that the difference is from."""
    if difference.relative is None:
        return "–"
    if difference.relative_low is None or difference.relative_high is None:
        return f"{difference.relative:+.1%}"
    return f"{difference.relative:+.1%} ({difference.relative_low:+.1%} – {difference.relative_high:+.1%})"
