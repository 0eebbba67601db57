"""The answer to "why did this job wait?", as tables and lines."""

from sim.report.rows import Rows
from sim.report.words import REASONS_IN_WORDS
from sim.results.why import Other, Why
from sim.scenario.units import format_duration

MOST_STRETCHES = 30


def why_headline(answer: Why) -> str:
    """What happened to the job, in a sentence."""
    tenant = "" if answer.tenant == answer.workload else f" of {answer.tenant}"
    who = f"Job {answer.job} ({answer.workload}{tenant}, {answer.gpus} GPU{'s' if answer.gpus > 1 else ''})"
    came = f"came {format_duration(answer.arrival_s)} after the start"
    if answer.rejected:
        return f"{who} {came} and was turned away: every pool that could run it was over the limits of policy.admission"
    if not answer.stretches:
        return f"{who} {came} and started at once in {answer.pool}"
    again = " in all, interruptions included" if any(one.after for one in answer.stretches) else ""
    return f"{who} {came}, ran in {answer.pool} and waited {format_duration(answer.wait_s)}{again}"


def reason_rows(answer: Why) -> Rows:
    """Time by reason, the longest first."""
    cells = [
        (REASONS_IN_WORDS[reason], format_duration(spent), f"{spent / answer.wait_s:.0%}")
        for reason, spent in sorted(answer.seconds.items(), key=lambda one: -one[1])
    ]
    return Rows("Why it waited", ("reason", "time", "share"), tuple(cells))


def stretch_rows(answer: Why) -> Rows:
    """The wait from its beginning to its end; the longest stretches where there are very many."""
    kept = sorted(answer.stretches, key=lambda one: -one.seconds)[:MOST_STRETCHES]
    left = len(answer.stretches) - len(kept)
    cells = [
        (
            format_duration(one.from_s - answer.arrival_s),
            format_duration(one.seconds),
            one.pool,
            REASONS_IN_WORDS[one.reason] + (f" (after: {one.after})" if one.after else ""),
        )
        for one in sorted(kept, key=lambda one: one.from_s)
    ]
    title = "Stretch by stretch" + (f", the longest {len(kept)} of {len(answer.stretches)}" if left else "")
    return Rows(title, ("after arrival", "for", "pool", "reason"), tuple(cells))


def held_rows(answer: Why) -> Rows:
    """Whose running jobs held the GPUs meanwhile."""
    return Rows("Who held the GPUs", ("workload", "share"), tuple((name, f"{share:.0%}") for name, share in answer.held_by.items()))


def other_rows(answer: Why) -> tuple[Rows, Rows]:
    """The jobs that held most, and those it stood behind."""
    return _others("Jobs that held most", answer.holders), _others("Jobs in front that waited for more", answer.ahead)


def _others(title: str, others: tuple[Other, ...]) -> Rows:
    cells = tuple((str(one.job), one.workload, one.tenant, str(one.gpus), format_duration(one.seconds)) for one in others)
    return Rows(title, ("job", "workload", "tenant", "GPUs", "for"), cells)
