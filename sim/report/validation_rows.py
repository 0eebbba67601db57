"""A validation as rows of text: the queue's figures against their targets, pieces with the range between processes, and every job."""

from statistics import median

from sim.cost.validation import TARGETS, Piece, Validation, between_processes
from sim.report.rows import Rows
from sim.report.words import TITLES, amount
from sim.scenario.units import format_duration


def figure_rows(validation: Validation) -> Rows:
    """Makespan and waits: predicted, measured, and what is left of the error where durations are the measured ones; between them, where it
    is known, what is left where memory and cores are as fast as they were meanwhile."""
    cells = []
    at_speed = any(one.at_speeds_s is not None for one in validation.figures.values())
    for name, one in validation.figures.items():
        target = f"within {TARGETS[name]:.0%}: {'missed' if name in validation.missed else 'met'}" if name in TARGETS else "–"
        row = [TITLES.get(name, name), format_duration(one.predicted_s), format_duration(one.measured_s), f"{one.error:+.1%}", target]
        if one.at_speeds_s is not None and one.error_at_speeds is not None:
            row += [format_duration(one.at_speeds_s), f"{one.error_at_speeds:+.1%}"]
        cells.append((*row, format_duration(one.replayed_s), f"{one.engine_error:+.1%}"))
    headings = ["the queue", "predicted", "measured", "error", "target", "simulated from measured durations", "error"]
    if at_speed:
        headings[5:5] = ["predicted at the speeds found", "error"]
    return Rows("The queue", tuple(headings), tuple(cells))


def piece_rows(validation: Validation) -> Rows:
    """What jobs repeat: predicted and measured seconds of one, over all runs, and how far processes differed on it."""
    cells = []
    ranges = between_processes(validation.jobs, validation.pieces)
    for index, (piece, apart) in enumerate(zip(validation.pieces, ranges, strict=True)):
        ran = [job.measured_s / job.repeats for job in validation.jobs if job.piece == index]
        if not ran:
            continue
        predicted, measured = piece.predicted_s * validation.slots, median(ran)
        cells.append(
            (
                piece.probe,
                _shape(piece),
                str(len(ran)),
                format_duration(predicted),
                f"{format_duration(measured)} ({format_duration(min(ran))} – {format_duration(max(ran))})",
                f"{predicted / measured:.2f}",
                f"{apart:.2f}" if apart else "–",
            )
        )
    headings = ("piece", "shape", "jobs", "predicted", "measured (range of jobs)", "ratio", "slowest process over fastest")
    return Rows("Pieces of work that jobs repeat", headings, tuple(cells))


SHAPES = {
    "mlp-step": "{inputs}–{hidden}–{outputs}, batch {batch}",
    "transformer-step": "{layers} layers of {hidden}, {batch} × {sequence} tokens",
}
"""What of a training step's shape a reader needs to tell it from the others."""


def _shape(piece: Piece) -> str:
    if piece.probe in SHAPES:
        return SHAPES[piece.probe].format(**piece.shape)
    return ", ".join(f"{amount(number)} {name}" for name, number in piece.shape.items())


def job_rows(validation: Validation) -> Rows:
    """Every job in the order of arrival."""
    cells = []
    for number, job in enumerate(validation.jobs, 1):
        piece = validation.pieces[job.piece]
        wait_s = round(max(job.start_s - job.arrival_s, 0.0), 3)
        durations = (format_duration(job.predicted_s), format_duration(job.measured_s), f"{job.ratio:.2f}")
        cells.append((str(number), f"{job.repeats} × {piece.probe}", format_duration(job.arrival_s), format_duration(wait_s), *durations))
    return Rows("Jobs", ("job", "work", "arrival", "waited", "predicted", "measured", "ratio"), tuple(cells))


def validation_notes(validation: Validation) -> list[str]:
    """What the prediction assumed, whose error it is, and what disturbed the run."""
    notes = []
    if validation.slots > 1:
        notes.append(
            f"predicted: with {validation.slots} slots each piece takes {validation.slots} times as long as alone, "
            "since slots share the device evenly and the calibration was measured with all of it"
        )
    ratios = sorted(job.ratio for job in validation.jobs)
    notes.append(
        f"jobs: predicted over measured {median(ratios):.2f} at the median job, {ratios[0]:.2f} to {ratios[-1]:.2f} over all; what the "
        "queue is off from measured durations is the engine's and the dispatching's error, the rest is the cost model's "
        "and what slowed memory and cores meanwhile"
    )
    if validation.missed:
        apart = max((one for one in between_processes(validation.jobs, validation.pieces) if one), default=None)
        noise = f"; processes differed by up to {apart:.2f} times on the same piece" if apart else ""
        notes.append(f"off target: {', '.join(TITLES.get(name, name) for name in validation.missed)}{noise}")
    return [*notes, *validation.notes]
