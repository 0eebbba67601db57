"""A comparison in a sentence: what a plan does to waits and cost, how sure that is, and when nothing was shown."""

from collections.abc import Callable, Mapping

from sim.results.difference import Difference
from sim.scenario.units import format_duration

DOUBLED = 1.0
"""From this relative change on, "3.2 times as long" reads better than "220 % longer"."""
ROUNDING = 1e-9
"""Relative differences under this come from adding the same money in another order."""


def verdict(plan: str, base: str, differences: Mapping[str, Difference]) -> str:
    """The plain sentence for `plan` against `base`, from their differences in wait and cost."""
    mean, tail, cost = (differences[name] for name in ("wait.mean", "wait.p95", "cost.usd"))
    waits = _said(
        mean, "95 % interval ", less="waits {} less than " + base, more="waits {} longer than " + base,
        times="waits {} times as long as " + base, none="its wait does not measurably differ from that of " + base,
        same="its wait is exactly that of " + base, unit=format_duration,
    )  # fmt: skip
    tails = _said(
        tail, "", less="its p95 wait is {} shorter", more="its p95 wait is {} longer", times="its p95 wait is {} times as long",
        none="its p95 wait does not measurably differ", same="its p95 wait is exactly the same", unit=format_duration,
    )  # fmt: skip
    costs = _said(
        cost, "", less="it costs {} less", more="it costs {} more", times="it costs {} times as much",
        none="its cost does not measurably differ", same="its cost is exactly the same", unit=lambda usd: f"${usd:,.0f}",
    )  # fmt: skip
    sentence = f"{plan}: {waits}, {tails}, and {costs}.{_losers(tail, differences)}"
    return sentence if cost.paired else f"{sentence} The plans share no random numbers, so these intervals are not paired and wider."


def _losers(tail: Difference, differences: Mapping[str, Difference]) -> str:
    """Workloads whose p95 wait is measurably longer, where that of all jobs together is not."""
    if tail.mean is None or tail.mean > 0:
        return ""
    waits = {name.split(".")[1]: one for name, one in differences.items() if name.startswith("workload.")}
    worse = [
        f"{name}'s is {_said(one, '', less='', more='{} longer', times='{} times as long', none='', same='', unit=format_duration)}"
        for name, one in waits.items()
        if one.shown and one.mean is not None and one.mean > 0
    ]
    return f" But of the p95 waits of each, {' and '.join(worse)}." if worse else ""


def _said(one: Difference, label: str, *, less: str, more: str, times: str, none: str, same: str, unit: Callable[[float], str]) -> str:
    """One figure's part: relative where that can be bounded, in its own unit otherwise; a single run says it has no interval."""
    if one.mean is None:
        return f"{none} (not measured)"
    if _same(one):
        return same
    if one.low is None or one.high is None:
        return _sized(one, less, more, times, unit) + " (a single run: no interval)"
    if one.relative is None or one.relative_low is None or one.relative_high is None:
        low, high = f"{'-' if one.low < 0 else '+'}{unit(abs(one.low))}", f"{'-' if one.high < 0 else '+'}{unit(abs(one.high))}"
        interval = f" ({label}{low} to {high})"
        return (_sized(one, less, more, times, unit) if one.shown else none) + interval
    if not one.shown:
        return f"{none} ({label}{_signed(one.relative_low)} to {_signed(one.relative_high)} %)"
    if one.relative >= DOUBLED:
        interval = f"{_times(one.relative_low)}–{_times(one.relative_high)}"
    else:
        least, most = map(_percent, sorted((abs(one.relative_low), abs(one.relative_high))))
        interval = f"{least}–{most} %" if least != most else f"{least} %"
    return f"{_sized(one, less, more, times, unit)} ({label}{interval})"


def _same(one: Difference) -> bool:
    """No difference but that of rounding."""
    if one.relative is not None and one.relative_low is not None and one.relative_high is not None:
        return max(abs(one.relative_low), abs(one.relative_high)) < ROUNDING
    return one.mean == 0 and one.low == one.high


def _sized(one: Difference, less: str, more: str, times: str, unit: Callable[[float], str]) -> str:
    assert one.mean is not None
    if one.relative is not None and one.relative >= DOUBLED:
        return times.format(_times(one.relative))
    size = unit(abs(one.mean)) if one.relative is None else f"{_percent(abs(one.relative))} %"
    return (less if one.mean < 0 else more).format(size)


def _percent(share: float) -> str:
    """Whole percents from 10 on, two significant digits under it; what is nearly all of it never reads as all of it."""
    if 0.995 <= share < 1:
        return f"{min(100 * share, 99.9):.1f}"
    return f"{100 * share:,.0f}" if share >= 0.0995 else f"{100 * share:.2g}"


def _times(share: float) -> str:
    return f"{1 + share:.2g}" if share < 9 else f"{1 + share:,.0f}"


def _signed(share: float) -> str:
    return f"{'-' if share < 0 else '+'}{_percent(abs(share))}"
