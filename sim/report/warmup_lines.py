"""What a reader is told of the warm-up: loudly where it is too short, in passing where nothing can be said."""

from sim.results.summary import Summary
from sim.results.warmup import WarmupCheck
from sim.scenario.units import DAY, format_duration


def warmup_warnings(summary: Summary) -> list[str]:
    """One loud line a series that had not settled when measuring began, with what would do."""
    return [_warning(summary, check) for check in summary.warmup_checks if check.loud]


def _warning(summary: Summary, check: WarmupCheck) -> str:
    assert check.cut_s is not None
    cut, warmup = format_duration(check.cut_s), format_duration(summary.warmup_s)
    off = f"measuring from {warmup} on puts their mean off by {_bias(check)}"
    if check.outcome == "unsettled":
        return (
            f"NEVER SETTLES: {check.series} still change when half of the horizon is over ({off} against its second half). Work may come "
            "faster than it can be done, or the horizon is too short: these figures depend on how long is simulated"
        )
    counted = "; utilisation and cost count from the start and include it" if check.series == "GPUs in use" else ""
    return (
        f"WARM-UP TOO SHORT: {check.series} settle only after {cut} (MSER-5), and {off}{counted}. "
        f"Use --set warmup='{check.cut_s / DAY:.4g} d'"
    )


def _bias(check: WarmupCheck) -> str:
    if check.bias is None:
        return "an amount that has no ratio, for nothing is left of it afterwards"
    if check.bias_low is None or check.bias_high is None:
        return f"{check.bias:+.0%} (a single run or a mean near zero: no interval)"
    return f"{check.bias:+.0%} ({check.bias_low:+.0%} – {check.bias_high:+.0%})"


def warmup_notes(summary: Summary) -> list[str]:
    """Why a series was not checked, once."""
    outcomes = {check.outcome for check in summary.warmup_checks}
    notes = []
    if "changing" in outcomes:
        notes.append("work or capacity changes by design here, so that figures are of this horizon and not of a steady state")
    if "untold" in outcomes:
        notes.append("the horizon is too short for MSER-5 to tell whether the warm-up is long enough")
    return notes
