"""Processes join by their medians, and what is missing, replaced or in doubt is said once."""

import pytest

pytest.importorskip("torch")

from profiler.budget import Depth
from profiler.joining import clock_note, join, left_out_note, range_note
from profiler.measuring import Item, Sample
from profiler.probes import all_probes

PRODUCTS = [{"m": 32, "n": 32, "k": 32 * i} for i in range(1, 4)]
DEPTH = Depth("quick", 2, 0.01, 60.0, 1.0)


def sample(shape: dict[str, int], median: float, process: int = 0, **rest: object) -> Sample:
    known = {"median_s": median, "p5_s": 0.9 * median, "p95_s": 1.2 * median, "calls": 4, "bytes": 8, "flops": 2}
    return Sample.model_validate({"item": Item(probe="matmul-bf16", shape=shape), "process": process} | known | rest)


def test_a_measurement_is_the_median_of_the_processes_medians() -> None:
    samples = [sample(PRODUCTS[0], seconds, number) for number, seconds in enumerate((3e-3, 1e-3, 2e-3))]
    (found,), notes = join(samples, all_probes())
    assert found.median_s == 2e-3
    assert found.process_medians_s == (3e-3, 1e-3, 2e-3)
    assert (found.p5_s, found.p95_s) == pytest.approx((0.9e-3, 3.6e-3))
    assert found.repeats == 12
    assert notes == []
    assert range_note([found]) == "between processes: slowest over fastest 3.00 at the median shape, 3.00 at the 95 % one"


def test_processes_that_disagree_too_far_are_called_disturbed() -> None:
    samples = [sample(PRODUCTS[0], seconds, number) for number, seconds in enumerate((1e-3, 9e-3, 1e-3))]
    assert range_note(join(samples, all_probes())[0]).endswith("disturbed, profile again when nothing else runs")


def test_skipped_operations_and_doubts_become_notes_once() -> None:
    first, second = PRODUCTS[:2]
    samples = [
        one
        for number in range(2)
        for one in (sample(first, 0, number, skipped="RuntimeError: no", scope="probe"), sample(second, 1e-3, number, note="looks cached"))
    ]
    measured, notes = join(samples, all_probes())
    assert [one.shape for one in measured] == [second]
    assert notes == ["skipped matmul-bf16: RuntimeError: no", "looks cached"]


def test_a_smaller_shape_is_measured_under_its_own_name_and_noted() -> None:
    samples = [sample({"m": 64, "n": 16, "k": 16}, 1e-3, number, measured={"m": 32, "n": 16, "k": 16}) for number in range(2)]
    (found,), notes = join(samples, all_probes())
    assert found.shape == {"m": 32, "n": 16, "k": 16}
    assert notes == ["matmul-bf16 (m 64, n 16, k 16) did not fit in memory: measured matmul-bf16 (m 32, n 16, k 16) instead"]


def test_a_shape_that_one_process_died_of_is_measured_by_the_others_and_noted() -> None:
    died = sample(PRODUCTS[0], 0, 0, skipped="its measuring process was ended by SIGKILL", scope="process")
    (found,), notes = join([died, sample(PRODUCTS[0], 1e-3, 1)], all_probes())
    assert found.process_medians_s == (1e-3,)
    assert notes == ["matmul-bf16 (m 32, n 32, k 32) lost one process: its measuring process was ended by SIGKILL"]


def test_what_nobody_came_to_is_counted_by_probe_and_what_failed_is_not() -> None:
    planned = [*(Item(probe="matmul-bf16", shape=shape) for shape in PRODUCTS), Item(probe="memory-copy", shape={"bytes": 8})]
    whole = [sample(PRODUCTS[0], 1e-3, number) for number in range(2)]
    assert left_out_note(planned[:1], whole, DEPTH) is None
    note = left_out_note(planned, [*whole, sample(PRODUCTS[1], 1e-3)], DEPTH)
    assert note == (
        "for want of time, 60 s in all: left out 2 of 4 planned shapes (matmul-bf16 1, memory-copy 1) "
        "and measured 1 shapes in fewer than 2 processes"
    )
    refused = [sample(PRODUCTS[0], 0, skipped="RuntimeError: no", scope="probe")]
    assert left_out_note(planned[:3], refused, DEPTH) is None


def test_the_clocks_of_a_gpu_are_those_that_it_measured_at() -> None:
    clocks = [1.2e9, 1.98e9, 1.98e9, 1.98e9, None]
    samples = [Sample(item=Item(probe="norm", shape={"m": 1}), median_s=1.0, calls=1, clock_hz=clock) for clock in clocks]
    assert clock_note(samples, ()) == "SM clock while measuring: 1980 MHz at the median shape, 1317 to 1980 MHz at nine of ten"
    assert clock_note(samples[-1:], ()) is None
    step = Sample(item=Item(probe="mlp-step", shape={"m": 1}), median_s=1.0, calls=1, clock_hz=1.4e9)
    assert clock_note([samples[1], step], ["mlp-step"]) == (
        "SM clock while measuring: 1980 MHz at the median shape, 1980 to 1980 MHz at nine of ten; 1400 MHz in whole steps"
    )
