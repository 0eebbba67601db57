"""A queue to try a calibration on, the simulation of it, and how far that is from what happened when it was run for real.

The queue is drawn from predicted durations, run elsewhere (`profiler.real_queue`), and simulated twice with the engine that every scenario
runs on: from the predictions, and from the durations as they were measured. The first error is what a user gets; the second is the engine's
share of it, and what dispatching real processes costs.
"""

from collections.abc import Sequence

import numpy as np

import sim
from sim.cost.calibration import Calibration
from sim.cost.speeds import Speeds
from sim.cost.validation import Compared, Order, Piece, QueuedJob, RanJob, ValidatedJob, Validation, fingerprint
from sim.demand.streams import stream
from sim.demand.table import Floats, JobTable
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.simulation import simulate

LOAD = 1.5
"""Offered load: jobs come half again as fast as the slots are predicted to serve them, so that a queue forms and then drains."""
MEDIAN_S, SPREAD = 1.2, 0.7
"""Predicted seconds of a job: lognormal, with this median and log standard deviation."""
PRIORITIES = 3


def draw_queue(pieces: Sequence[Piece], count: int, slots: int, seed: int) -> list[QueuedJob]:
    """`count` jobs with Poisson arrivals and random sizes, every piece about as often; the same for the same seed and predictions."""
    sizes, order, gaps, ranks = (stream(seed, 0, "validation", name) for name in ("sizes", "pieces", "arrivals", "priorities"))
    chosen = order.permutation(np.arange(count) % len(pieces))
    wanted_s = MEDIAN_S * np.exp(SPREAD * sizes.standard_normal(count))
    alone_s = np.array([piece.predicted_s for piece in pieces])[chosen] * slots
    repeats = np.maximum(1, np.rint(wanted_s / alone_s)).astype(int)
    between_s = float((repeats * alone_s).mean()) / (slots * LOAD)
    arrival_s = np.cumsum(gaps.exponential(between_s, count))
    arrival_s -= arrival_s[0]
    priority = ranks.integers(0, PRIORITIES, count)
    rows = zip(chosen.tolist(), repeats.tolist(), arrival_s.tolist(), priority.tolist(), strict=True)
    return [QueuedJob(*row) for row in rows]


def predicted_durations(pieces: Sequence[Piece], jobs: Sequence[QueuedJob], slots: int) -> Floats:
    """Seconds of each job. The calibration knows a piece alone on the device; with several slots, each has its share of it."""
    return np.array([pieces[job.piece].predicted_s * job.repeats * slots for job in jobs])


def simulated_queue(jobs: Sequence[QueuedJob], durations_s: Floats, slots: int, order: Order) -> tuple[Floats, Floats]:
    """When each job starts and ends on `slots` one-GPU nodes under this queue ordering. Jobs are in the order of their arrivals."""
    table = JobTable.build(
        np.array([job.arrival_s for job in jobs]),
        np.ones(len(jobs), np.int32),
        durations_s,
        priority=np.array([job.priority for job in jobs], np.int32),
    )
    plan = PoolPlan("here", "slots", 0, slots, 1, "pack", keep_warm_s=None, draw_delay=lambda: 0.0, mean_delay_s=0.0)
    records = simulate(table, [plan], queue=QueueTerms(order))
    return records.start_s, records.end_s


def compare_queue(
    pieces: Sequence[Piece],
    jobs: Sequence[QueuedJob],
    ran: Sequence[RanJob],
    calibration: Calibration,
    *,
    slots: int,
    order: Order,
    seed: int,
    date: str,
    notes: Sequence[str] = (),
    speeds: Speeds | None = None,
    pieces_at_speeds: Sequence[Piece] | None = None,
) -> Validation:
    """What happened beside what the calibration and the engine say would.

    `pieces_at_speeds` are the pieces as the calibration predicts them at the `speeds` that memory and cores had during the queue.
    """
    predicted_s = predicted_durations(pieces, jobs, slots)
    busy_s = np.array([one.busy_s for one in ran])
    measured = (np.array([one.start_s for one in ran]), np.array([one.end_s for one in ran]))
    figures = {
        "predicted_s": _figures(jobs, *simulated_queue(jobs, predicted_s, slots, order)),
        "measured_s": _figures(jobs, *measured),
        "replayed_s": _figures(jobs, *simulated_queue(jobs, busy_s, slots, order)),
    }
    if pieces_at_speeds is not None:
        durations_s = predicted_durations(pieces_at_speeds, jobs, slots)
        figures["at_speeds_s"] = _figures(jobs, *simulated_queue(jobs, durations_s, slots, order))
    return Validation(
        leadtime_version=sim.__version__,
        date=date,
        device=calibration.device.id,
        calibration_sha256=fingerprint(calibration),
        slots=slots,
        order=order,
        seed=seed,
        pieces=tuple(pieces),
        jobs=tuple(
            ValidatedJob(
                piece=job.piece,
                repeats=job.repeats,
                priority=job.priority,
                arrival_s=job.arrival_s,
                predicted_s=float(seconds),
                measured_s=one.busy_s,
                start_s=one.start_s,
                end_s=one.end_s,
                process=one.process,
            )
            for job, one, seconds in zip(jobs, ran, predicted_s, strict=True)
        ),
        figures={name: Compared(**{how: told[name] for how, told in figures.items()}) for name in figures["measured_s"]},
        speeds=speeds,
        notes=tuple(notes),
    )


def _figures(jobs: Sequence[QueuedJob], start_s: Floats, end_s: Floats) -> dict[str, float]:
    wait_s = np.maximum(start_s - np.array([job.arrival_s for job in jobs]), 0.0)
    makespan_s = end_s.max() - jobs[0].arrival_s
    return {"makespan": float(makespan_s), "wait.mean": float(wait_s.mean()), "wait.p95": float(np.quantile(wait_s, 0.95))}
