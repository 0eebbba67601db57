"""A validation's queue is drawn the same every time, simulated as theory says, and its error goes to the part that made it."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cost.devices import shipped_calibration
from sim.cost.speeds import Speeds
from sim.cost.validation import Order, Piece, QueuedJob, RanJob, Validation, between_processes
from sim.demand.table import Floats
from sim.report.validation_rows import figure_rows
from sim.study.validation import LOAD, compare_queue, draw_queue, predicted_durations, simulated_queue

PIECES = [
    Piece(kind="merge", probe="merge-linear", shape={"experts": 3, "parameters": 100}, predicted_s=0.01),
    Piece(kind="training", probe="mlp-step", shape={"batch": 8}, predicted_s=0.05),
    Piece(kind="training", probe="transformer-step", shape={"layers": 2}, predicted_s=0.4),
]
CALIBRATION = shipped_calibration("h100-sxm")
SPEEDS = Speeds(memory_bytes_per_s=3e10, cores_flops_per_s=1e11)


def compared(
    jobs: list[QueuedJob], ran: list[RanJob], slots: int = 1, order: Order = "fifo", at_speeds: list[Piece] | None = None
) -> Validation:
    return compare_queue(
        PIECES, jobs, ran, CALIBRATION, slots=slots, order=order, seed=0, date="2026-11-24T00:00:00+00:00",
        speeds=SPEEDS if at_speeds else None, pieces_at_speeds=at_speeds,
    )  # fmt: skip


def as_simulated(jobs: list[QueuedJob], durations_s: Floats, slots: int, order: Order) -> list[RanJob]:
    """What a device would do on which each job takes just this long and dispatching takes nothing."""
    start_s, end_s = simulated_queue(jobs, durations_s, slots, order)
    return [RanJob(start, end, busy, i % 2) for i, (start, end, busy) in enumerate(zip(start_s, end_s, durations_s, strict=True))]


def test_the_same_seed_draws_the_same_queue_and_another_one_another() -> None:
    assert draw_queue(PIECES, 30, 1, 4) == draw_queue(PIECES, 30, 1, 4) != draw_queue(PIECES, 30, 1, 5)


@pytest.mark.parametrize("slots", [1, 3])
def test_jobs_come_faster_than_the_slots_serve_them_and_every_piece_about_as_often(slots: int) -> None:
    """Offered load over many arrivals is as stated; a queue therefore forms."""
    jobs = draw_queue(PIECES, 6000, slots, 1)
    work_s = predicted_durations(PIECES, jobs, slots).sum()
    assert work_s / slots / jobs[-1].arrival_s == pytest.approx(LOAD, rel=0.05)
    assert set(Counter(job.piece for job in jobs).values()) == {2000}
    assert all(one.arrival_s <= after.arrival_s for one, after in pairwise(jobs))
    assert min(job.repeats for job in jobs) >= 1


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 3)), min_size=2, max_size=30))
def test_one_slot_first_come_first_served_follows_lindley(rows: list[tuple[float, float]]) -> None:
    """W(n+1) = max(0, W(n) + S(n) − T(n)) (Lindley 1952), through the engine that scenarios run on."""
    arrival_s = np.cumsum([gap for gap, _ in rows])
    jobs = [QueuedJob(0, 1, float(time), 0) for time in arrival_s]
    durations_s = np.array([seconds for _, seconds in rows])
    start_s, _ = simulated_queue(jobs, durations_s, 1, "fifo")
    wait = 0.0
    for i in range(1, len(rows)):
        wait = max(0.0, wait + durations_s[i - 1] - (arrival_s[i] - arrival_s[i - 1]))
        assert start_s[i] - arrival_s[i] == pytest.approx(wait, abs=1e-9)


def test_priority_serves_the_more_urgent_of_those_that_wait() -> None:
    jobs = [QueuedJob(0, 1, 0.0, 0), QueuedJob(0, 1, 0.1, 0), QueuedJob(0, 1, 0.2, 2)]
    start_s, _ = simulated_queue(jobs, np.ones(3), 1, "priority")
    assert start_s.tolist() == [0.0, 2.0, 1.0]


@pytest.mark.parametrize(("slots", "order"), [(1, "fifo"), (1, "priority"), (3, "fifo"), (3, "priority")])
def test_a_device_that_does_as_predicted_is_predicted_without_error(slots: int, order: Order) -> None:
    jobs = draw_queue(PIECES, 40, slots, 2)
    validation = compared(jobs, as_simulated(jobs, predicted_durations(PIECES, jobs, slots), slots, order), slots, order)
    assert validation.missed == []
    for figure in validation.figures.values():
        assert (figure.error, figure.engine_error) == (0, 0)
    assert all(job.ratio == 1 for job in validation.jobs)


def test_a_slower_device_is_the_cost_models_error_and_not_the_engines() -> None:
    """Everything takes a quarter longer: each job is a fifth too short, waits are off by more than that, and the engine by nothing."""
    jobs = draw_queue(PIECES, 40, 1, 2)
    validation = compared(jobs, as_simulated(jobs, predicted_durations(PIECES, jobs, 1) * 1.25, 1, "fifo"))
    assert [job.ratio for job in validation.jobs] == pytest.approx([0.8] * 40)
    assert validation.missed == ["makespan", "wait.mean"]
    assert validation.figures["wait.mean"].error < validation.figures["makespan"].error < -0.1
    assert all(figure.engine_error == 0 for figure in validation.figures.values())


def test_what_others_slowed_is_neither_models_nor_engines_error() -> None:
    """Everything takes a quarter longer, and the calibration says so of such speeds: the plain prediction misses, the other is right."""
    jobs = draw_queue(PIECES, 40, 1, 2)
    slowed = [piece.model_copy(update={"predicted_s": piece.predicted_s * 1.25}) for piece in PIECES]
    ran = as_simulated(jobs, predicted_durations(slowed, jobs, 1), 1, "fifo")
    validation = compared(jobs, ran, at_speeds=slowed)
    assert validation.missed == ["makespan", "wait.mean"]
    assert validation.speeds == SPEEDS
    assert [one.error_at_speeds for one in validation.figures.values()] == [0.0] * 3
    assert figure_rows(validation).headings.count("error") == 3
    plain = compared(jobs, ran)
    assert all(one.error_at_speeds is None for one in plain.figures.values())
    assert {len(row) for row in figure_rows(plain).cells} == {len(figure_rows(plain).headings)} == {7}


def test_slow_dispatch_is_the_engines_error_and_not_the_cost_models() -> None:
    """Each job starts half a second after the slot is free: durations are right, makespan and waits are not."""
    jobs = draw_queue(PIECES, 40, 1, 2)
    predicted_s = predicted_durations(PIECES, jobs, 1)
    start_s, _ = simulated_queue(jobs, predicted_s + 0.5, 1, "fifo")
    ran = [RanJob(start + 0.5, start + 0.5 + busy, busy, 0) for start, busy in zip(start_s, predicted_s, strict=True)]
    validation = compared(jobs, ran)
    assert all(job.ratio == 1 for job in validation.jobs)
    for figure in validation.figures.values():
        assert figure.error == figure.engine_error < -0.1


def test_the_range_between_processes_is_of_their_medians() -> None:
    jobs = [QueuedJob(0, 2, float(i), 0) for i in range(6)] + [QueuedJob(1, 1, 6.0, 0)]
    ran = [RanJob(float(i), i + 1.0, (0.2, 0.3, 9.0)[i // 2] if i % 2 else 0.2, i % 2) for i in range(6)] + [RanJob(6, 7, 0.1, 0)]
    assert between_processes(compared(jobs, ran).jobs, PIECES) == [pytest.approx(1.5), None, None]
