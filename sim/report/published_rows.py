"""Published facts beside predictions, as rows of text: misses as they are."""

from collections.abc import Sequence

from sim.cost.calibration import Calibration
from sim.cost.published import CONDITIONS, Fact
from sim.report.rows import Rows


def published_rows(facts: Sequence[Fact]) -> list[Rows]:
    """A table a group of facts."""
    headings = ("what", "published", "predicted", "ratio", "source")
    return [
        Rows(group, headings, tuple(_cells(fact) for fact in facts if fact.group == group))
        for group in dict.fromkeys(fact.group for fact in facts)
    ]


def _cells(fact: Fact) -> tuple[str, ...]:
    predicted = "–" if fact.predicted is None else _figure(fact.predicted)
    ratio = "–" if fact.ratio is None else f"{fact.ratio:.2f}"
    return (f"{fact.what}, {fact.unit}", _figure(fact.published), predicted, ratio, fact.source)


def _figure(number: float) -> str:
    return f"{number:.3g}" if number < 100 or number >= 1e12 else f"{number:,.0f}"


def published_notes(facts: Sequence[Fact], calibrations: Sequence[Calibration]) -> list[str]:
    """How figures were measured, why some are not predicted, and on what the predictions rest."""
    notes = [f"{source}: {condition}" for source, condition in CONDITIONS.items()]
    for note in dict.fromkeys(fact.note for fact in facts if fact.note):
        of = [fact for fact in facts if fact.note == note]
        notes.append(f"{of[0].what if len(of) == 1 else f'{of[0].group}, {len(of)} rows'}: {note}")
    for calibration in calibrations:
        basis = "EXTRAPOLATED from a datasheet" if calibration.extrapolated else f"measured on {calibration.date[:10]}"
        notes.append(f"predictions for {calibration.device.id}: {basis}")
    return notes
