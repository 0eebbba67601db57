"""The plain answers of a run, a sentence each: when targets break, how much headroom is left, whether commitments pay."""

from collections.abc import Iterator

from sim.report.words import TITLES, value
from sim.results.breach import Breach
from sim.results.summary import Summary
from sim.scenario.units import DAY, format_duration


def answers(summary: Summary) -> list[str]:
    """Every sentence that the run can say."""
    return [*(_breach(summary, one) for one in summary.breaches), *_headroom(summary), *_commitments(summary)]


def _breach(summary: Summary, one: Breach) -> str:
    statistic = TITLES[f"wait.{one.figure.rsplit('.', 1)[1]}"]
    what = f"{one.workload}: {statistic} over {format_duration(one.limit_s)} for good"
    window = f"judged over {format_duration(one.window_s)}"
    count = summary.replications
    broken = round(one.probability * count)
    if count == 1:
        said = _by(one.median_s) if broken else "not within the horizon"
        return f"{what}: {said} (a single run, {window})"
    if not broken:
        return f"{what}: in none of {count} replications (95 % interval: at most {one.probability_high:.0%} of them; {window})"
    share = (
        f"{broken} of {count} replications ({one.probability:.0%}, 95 % interval {one.probability_low:.0%} – {one.probability_high:.0%})"
    )
    return f"{what}: in {share}, half of all {_by(one.median_s)}, 5 % {_by(one.early_s)}, 95 % {_by(one.late_s)} ({window})"


def _by(seconds: float | None) -> str:
    return "beyond the horizon" if seconds is None else f"by day {seconds / DAY:.0f}"


def _headroom(summary: Summary) -> Iterator[str]:
    end, least = summary.figure("headroom.end_gpus"), summary.figure("headroom.least_gpus")
    if end.mean is None or least.mean is None:
        return
    share = f"{summary.target_utilisation:.0%}"
    gone = sum(date is not None for date in summary.figure("headroom.gone_s").values)
    left = f"{value('headroom.end_gpus', end.mean)} in the last week and {value('headroom.least_gpus', least.mean)} in the tightest"
    lost = f"; it is gone for good in {gone} of {summary.replications} replications" if gone else ""
    yield f"headroom at {share} utilisation, against the work that arrives: {left}{lost}"


def _commitments(summary: Summary) -> Iterator[str]:
    used, pays = summary.figure("commitment.utilisation").mean, summary.figure("commitment.break_even_utilisation").mean
    if used is None or pays is None:
        return
    verdict = "cheaper than" if used > pays else "dearer than"
    yield f"owned and committed capacity is used to {used:.0%} and pays from {pays:.0%} on: it is {verdict} the same GPU-hours on demand"
