"""A queue run for real keeps the rules that the simulated one keeps, shares pieces between processes, and leaves none behind."""

import multiprocessing
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

import torch

from profiler.predictions import held_bytes
from profiler.queue_pieces import LONGEST_S, PIECES, PROCESSES_A_SLOT, predicted_again, predicted_pieces
from profiler.real_queue import run_queue
from sim.cost.devices import shipped_calibration
from sim.cost.validation import Order, Piece, QueuedJob, RanJob
from sim.scenario.errors import InputError
from sim.study.validation import simulated_queue

TINY = [
    Piece(kind="merge", probe="merge-linear", shape={"experts": 2, "parameters": 200_000}, predicted_s=1e-3),
    Piece(kind="training", probe="mlp-step", shape={"batch": 16, "inputs": 64, "hidden": 128, "outputs": 32}, predicted_s=1e-3),
]
JOBS = [QueuedJob(i % 2, 40 + 30 * (i % 3), 0.02 * i, i % 3) for i in range(12)]


@pytest.fixture(scope="module", params=["fifo", "priority"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Order, list[RanJob], list[tuple[int, int]]]:
    """A dozen tiny jobs on one slot, and what the progress said."""
    steps: list[tuple[int, int]] = []
    folder = tmp_path_factory.mktemp("queue")
    result = run_queue(
        TINY, JOBS, device="cpu", slots=1, order=request.param, folder=folder, progress=lambda done, total: steps.append((done, total))
    )
    return request.param, result, steps


def test_one_slot_runs_one_job_at_a_time_and_none_before_it_came(ran: tuple[Order, list[RanJob], list[tuple[int, int]]]) -> None:
    _, result, steps = ran
    in_order = sorted(result, key=lambda one: one.start_s)
    assert all(one.end_s <= after.start_s for one, after in pairwise(in_order))
    assert all(one.start_s >= job.arrival_s for one, job in zip(result, JOBS, strict=True))
    assert all(0 < one.busy_s <= one.end_s - one.start_s for one in result)
    assert all(one.speeds and one.speeds.memory_bytes_per_s > 1e8 and one.speeds.cores_flops_per_s > 1e8 for one in result)
    assert steps == [(done, 12) for done in range(1, 13)]


def test_jobs_start_in_the_order_that_the_engine_starts_them_in(ran: tuple[Order, list[RanJob], list[tuple[int, int]]]) -> None:
    """The real queue and the simulated one, given the durations measured, agree on every start to within 20 ms a job."""
    order, result, _ = ran
    start_s, _ = simulated_queue(JOBS, np.array([one.end_s - one.start_s for one in result]), 1, order)
    assert np.allclose(start_s, [one.start_s for one in result], atol=0.02 * len(JOBS))


def test_every_piece_runs_in_every_process_of_the_slot(ran: tuple[Order, list[RanJob], list[tuple[int, int]]]) -> None:
    processes = defaultdict(set)
    for job, one in zip(JOBS, ran[1], strict=True):
        processes[job.piece].add(one.process)
    assert processes == {0: set(range(PROCESSES_A_SLOT)), 1: set(range(PROCESSES_A_SLOT))}


def test_slots_run_side_by_side(tmp_path: Path) -> None:
    jobs = [QueuedJob(0, 400, 0.0, 0) for _ in range(4)]
    first, second, third, fourth = run_queue(TINY, jobs, device="cpu", slots=2, order="fifo", folder=tmp_path)
    assert second.start_s < first.end_s
    assert min(first.end_s, second.end_s) <= third.start_s <= fourth.start_s
    assert first.speeds is None  # the other slot uses memory and cores at the same time


def test_a_piece_that_cannot_be_prepared_is_said_and_no_process_is_left(tmp_path: Path) -> None:
    """More memory than there is: an InputError, not a hang."""
    huge = Piece(kind="merge", probe="merge-linear", shape={"experts": 2, "parameters": 10**15}, predicted_s=1.0)
    with pytest.raises(InputError, match="a process of the queue failed: "):
        run_queue([huge], [QueuedJob(0, 1, 0.0, 0)], device="cpu", slots=1, order="fifo", folder=tmp_path)
    assert multiprocessing.active_children() == []


def test_an_interrupt_leaves_no_process_behind(tmp_path: Path) -> None:
    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_queue(TINY, JOBS, device="cpu", slots=1, order="fifo", folder=tmp_path, progress=interrupt)
    assert multiprocessing.active_children() == []


def test_a_slow_device_does_without_the_longest_pieces_but_with_every_kind() -> None:
    """Twice as slow as needed for its longest piece to be too long; then so slow that only the shortest training step is left."""
    calibration = shipped_calibration("amd-epyc-f26-avx512-2c")
    pieces = predicted_pieces("cpu", calibration)
    assert len(pieces) == len(PIECES["cpu"])
    slower = calibration.scaled({"matmul-bf16": 2 * LONGEST_S / max(one.predicted_s for one in pieces)})
    fewer = predicted_pieces("cpu", slower)
    assert 0 < len(pieces) - len(fewer) < len(pieces)
    assert predicted_again(fewer, calibration) == [one for one in pieces if one.shape in [kept.shape for kept in fewer]]
    slowest = predicted_pieces("cpu", calibration.scaled({"matmul-bf16": 1e4}))
    assert [one.probe for one in slowest] == ["merge-linear"] * 3 + ["mlp-step"]
    assert slowest[-1].predicted_s > LONGEST_S


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_pieces_are_predicted_from_a_calibration_and_no_fit_or_anchor_saw_them(device: str) -> None:
    """Merges and training are both there; every shape differs from all that a profile measures."""
    from profiler.probes import all_probes

    calibration = shipped_calibration("h100-sxm")
    pieces = predicted_pieces(device, calibration)
    assert {piece.kind for piece in pieces} == {"merge", "training"}
    assert all(piece.predicted_s > 0 for piece in pieces)
    probes = all_probes()
    for name, shape in PIECES[device]:
        assert all(shape not in probes[name].shapes(torch.device(device), quick=quick) for quick in (True, False))
    without = calibration.model_copy(update={"fits": {}})
    with pytest.raises(InputError, match="measured too little to predict"):
        predicted_pieces(device, without)


def test_a_device_too_small_for_any_is_told_so() -> None:
    """Not that it was measured too little."""
    h100 = shipped_calibration("h100-sxm")
    tiny = h100.model_copy(update={"device": h100.device.model_copy(update={"memory_bytes": 1e9})})
    with pytest.raises(InputError, match=r"h100-sxm has too little memory \(1\.0 GB\)"):
        predicted_pieces("cuda", tiny)


@pytest.mark.parametrize(("gigabytes", "pieces"), [(24, 4), (80, 7), (141, 7)])
def test_a_gpu_has_pieces_of_every_kind_that_its_memory_holds(gigabytes: int, pieces: int) -> None:
    """All of a process's at once, in two processes: a merge, an MLP and a transformer on a 24 GB card, all of them on 80 GB."""
    h100 = shipped_calibration("h100-sxm")
    smaller = h100.model_copy(update={"device": h100.device.model_copy(update={"memory_bytes": gigabytes * 1e9})})
    found = predicted_pieces("cuda", smaller)
    assert {one.probe for one in found} == {"merge-linear", "mlp-step", "transformer-step"}
    assert len(found) == pieces
    held = [held_bytes(one.probe, one.shape) for one in found]
    assert PROCESSES_A_SLOT * (sum(rest for rest, _ in held) + max(more for _, more in held)) < gigabytes * 1e9
