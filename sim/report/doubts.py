"""What a reader is told of how sure the figures are: loudly where something is wrong, in passing where it only must be known."""

from collections.abc import Iterator
from statistics import median

from sim.results.summary import Summary
from sim.results.warmup import USED, WarmupCheck
from sim.scenario.units import DAY, HOUR, format_duration

FEW_REPLICATIONS = 5
"""From fewer, an interval's own width is a rough guess: it is as uncertain as their standard deviation is, by 1/√(2(n − 1)) for n normal
values, 41 % for four."""

FAR = 10
"""Times the median wait, beyond which a replication is of another kind."""


def warnings_of(summary: Summary) -> list[str]:
    """One loud line where nothing was measured, for a figure less precise than asked, and for series that had not settled in time."""
    precision = summary.precision
    unmet = [f"NOTHING WAS MEASURED: {summary.unmeasured}"] if summary.unmeasured else []
    if precision is not None and not precision.met:
        reached = "has no interval" if precision.reached is None else f"is known within ±{precision.reached:.1%} only"
        unmet.append(
            f"NOT PRECISE ENOUGH: {precision.figure} {reached} after {summary.replications} replications, the most allowed; "
            f"±{precision.within:.1%} was asked for. Use --set until.at-most={2 * precision.at_most} or a longer horizon"
        )
    return [*unmet, *_settling(summary)]


def _settling(summary: Summary) -> Iterator[str]:
    """Series that are not measured in a steady state, those of an outcome in one line: one change of the scenario is for all of them."""
    unsettled, short = ([check for check in summary.warmup_checks if check.outcome == one] for one in ("unsettled", "short"))
    from_warmup = f"measuring from {format_duration(summary.warmup_s)} on puts means off by"
    if unsettled:
        series, off = " and ".join(check.series for check in unsettled), " and ".join(map(_bias, unsettled))
        yield (
            f"NEVER SETTLES: {series} still change when half of the horizon is over ({from_warmup} {off} against its second half). Work "
            "may come faster than it can be done, or the horizon is too short: these figures depend on how long is simulated"
        )
    if short:
        series = " and ".join(f"{check.series} settle only after {format_duration(_cut_s(check))}" for check in short)
        counted = "; utilisation and cost count from the start and include it" if any(check.series == USED for check in short) else ""
        yield (
            f"WARM-UP TOO SHORT: {series} (MSER-5), and {from_warmup} {' and '.join(map(_bias, short))}{counted}. "
            f"Use --set warmup='{max(map(_cut_s, short)) / DAY:.4g} d'"
        )


def _cut_s(check: WarmupCheck) -> float:
    assert check.cut_s is not None, "told of every series that is cut too late"
    return check.cut_s


def _bias(check: WarmupCheck) -> str:
    if check.bias is None:
        return "an amount that has no ratio, for nothing is left of it afterwards"
    if check.bias_low is None or check.bias_high is None:
        return f"{_percent(check.bias)} (a single run or a mean near zero: no interval)"
    return f"{_percent(check.bias)} ({_percent(check.bias_low)} – {_percent(check.bias_high)})"


def _percent(share: float) -> str:
    """With its sign, but where nothing is left of it to have one."""
    text = f"{share:+.0%}"
    return "0%" if text in ("-0%", "+0%") else text


def _unlike(summary: Summary) -> Iterator[str]:
    """Replications of two kinds, of which a mean describes neither."""
    waits = [wait for wait in summary.figure("wait.mean").values if wait is not None]
    half = median(waits) if waits else 0.0
    far = [wait for wait in waits if wait > max(FAR * half, HOUR)]
    if far and len(waits) >= FEW_REPLICATIONS:
        yield (
            f"{len(far)} of {len(waits)} replications wait {format_duration(min(far))} or more on average, and half of all "
            f"{format_duration(half)} or less: whether capacity suffices hangs on what is drawn, and their mean describes neither"
        )


def notes_of(summary: Summary) -> list[str]:
    """How often and how intervals were made where that is unusual, and why the warm-up was not checked."""
    outcomes = {check.outcome for check in summary.warmup_checks}
    notes = []
    precision = summary.precision
    if precision is not None and precision.met:
        asked = f"±{precision.within:.1%} was asked for"
        notes.append(f"{precision.figure} is known within ±{precision.reached:.1%} after {summary.replications} replications; {asked}")
    if summary.intervals.method == "bootstrap":
        pairs = summary.intervals.pairs
        independent = summary.replications // 2 if pairs else summary.replications
        few = f"; from fewer than 10 {'pairs' if pairs else 'replications'} it is too narrow" if independent < 10 else ""
        notes.append(f"intervals are by bootstrap (BCa){few}; those of differences by Student's t")
    if summary.intervals.pairs:
        notes.append(
            "replications come in antithetic pairs: arrivals, sizes, lead times, delays and calibration errors are mirrored, whole-number "
            "draws and shuffles are not; intervals are over pairs"
        )
    if summary.replications == 1:
        notes.append("a single run has no intervals: where anything is drawn, other draws may end otherwise (--replications 10 tells)")
    elif summary.replications < FEW_REPLICATIONS:
        notes.append(f"intervals from {summary.replications} replications are rough themselves: decide on 10 or more (--replications 10)")
    notes += _unlike(summary)
    if "changing" in outcomes:
        notes.append("work or capacity changes by design here, so that figures are of this horizon and not of a steady state")
    if "untold" in outcomes:
        notes.append("the horizon is too short for MSER-5 to tell whether the warm-up is long enough")
    return notes
