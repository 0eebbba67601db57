"""What a device draws: families from their joules and seconds, jobs from their families, and the limit where nothing was measured."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.calibration import Calibration, Measurement
from sim.cost.collectives import NodeType
from sim.cost.devices import shipped_calibration
from sim.cost.estimate import estimate
from sim.cost.power import Draw, family_powers, job_draw
from sim.report.estimate_rows import estimate_notes, estimate_rows
from sim.scenario.one_job import OneJob, Setting, read_job

H100 = shipped_calibration("h100-sxm")
NODE = NodeType("h100-sxm", 8, H100.device.intra_node_bytes_per_s, H100.device.inter_node_bytes_per_s)
ON_DEVICE = read_job("merge", {"model": "llama-3.1-8b", "source": "device"})
FROM_HOST = read_job("merge", {"model": "llama-3.1-8b", "source": "host"})
TRAINING = read_job("training", {"model": "llama-3.2-1b", "tokens": "10M"})


def shape(family: str, seconds: float, joules: float | None) -> Measurement:
    return Measurement(
        probe=family, family=family, shape={"bytes": 1}, dtype="bf16", repeats=3, median_s=seconds, p5_s=seconds, p95_s=seconds,
        energy_j=joules,
    )  # fmt: skip


def measured(*shapes: Measurement, limit: float | None = 700.0) -> Calibration:
    device = H100.device.model_copy(update={"power_limit_w": limit})
    return H100.model_copy(update={"measurements": shapes, "device": device})


def drawn(work: OneJob, calibration: Calibration) -> Draw:
    draw = job_draw(work, calibration, NODE)
    assert draw is not None
    return draw


def test_a_familys_power_is_its_joules_over_its_seconds() -> None:
    """3 s at 300 W and 1 s at 700 W are 1 600 J in 4 s; the deviation is √(120 000 / 1.5) by the formula for reliability weights."""
    power = family_powers(measured(shape("merge-linear", 3.0, 900.0), shape("merge-linear", 1.0, 700.0)))["merge-linear"]
    assert (power.watts, power.shapes) == (400.0, 2)
    assert power.deviation_w == pytest.approx(math.sqrt(80_000))


@given(st.lists(st.floats(10, 1000), min_size=2, max_size=8), st.floats(1e-6, 100))
def test_shapes_of_one_length_have_the_plain_mean_and_deviation(watts: list[float], seconds: float) -> None:
    """Equal weights leave the textbook's n − 1."""
    power = family_powers(measured(*(shape("memory-copy", seconds, seconds * one) for one in watts)))["memory-copy"]
    mean = sum(watts) / len(watts)
    assert power.watts == pytest.approx(mean)
    assert power.deviation_w == pytest.approx(math.sqrt(sum((one - mean) ** 2 for one in watts) / (len(watts) - 1)), abs=1e-6 * mean)


def test_what_was_not_measured_is_absent() -> None:
    """Shapes without joules, and one shape alone, whose spread nobody knows."""
    assert not family_powers(measured(shape("merge-linear", 1.0, None), shape("merge-linear", 2.0, None), shape("memory-copy", 1.0, 300.0)))
    assert not family_powers(H100)


def test_a_job_of_one_measured_family_draws_what_it_drew() -> None:
    """Energy is seconds times that, and its range takes in the spread of the shapes beside the error of the seconds."""
    calibration = measured(shape("merge-linear", 1.0, 300.0), shape("merge-linear", 1.0, 500.0))
    one = estimate(ON_DEVICE, Setting(), calibration)
    assert one.seconds is not None
    assert one.energy_j is not None
    assert one.power == Draw(pytest.approx(400.0), pytest.approx(1.96 * math.sqrt(20_000) / 400), 1.0)
    assert one.energy_j.value == pytest.approx(400.0 * one.seconds.value)
    both = math.hypot(math.log(one.seconds.high / one.seconds.value), math.log1p(one.power.error))
    assert math.log(one.energy_j.high / one.energy_j.value) == pytest.approx(both)
    assert math.log(one.energy_j.value / one.energy_j.low) == pytest.approx(both)


def test_parts_that_nobody_measured_draw_the_limit() -> None:
    """A merge from host memory: its link at the limit of 700 W, its arithmetic at 400 W, each for its own seconds."""
    calibration = measured(shape("merge-linear", 1.0, 400.0), shape("merge-linear", 2.0, 800.0))
    one = estimate(FROM_HOST, Setting(), calibration)
    assert one.seconds is not None
    assert one.energy_j is not None
    assert one.power is not None
    assert one.energy_j.value == pytest.approx(400.0 * one.terms_s["device"] + 700.0 * one.terms_s["host link"])
    assert one.power.measured == pytest.approx(one.terms_s["device"] / one.seconds.value)


def test_without_a_limit_only_what_was_measured_whole_has_energy() -> None:
    """Absent, never 0 and never the measured part alone."""
    calibration = measured(shape("merge-linear", 1.0, 400.0), shape("merge-linear", 2.0, 800.0), limit=None)
    assert drawn(ON_DEVICE, calibration).watts == pytest.approx(400.0)
    assert job_draw(FROM_HOST, calibration, NODE) is None
    assert job_draw(ON_DEVICE, measured(limit=None), NODE) is None


def test_a_training_step_weighs_each_family_by_its_time() -> None:
    """Every family measured at the same watts: the whole job draws those, and independent spreads are narrower than one family's."""
    families = [name for name in H100.fits for _ in range(2)]
    same = measured(*(shape(name, 1.0, watts) for name, watts in zip(families, [350.0, 450.0] * len(H100.fits), strict=True)))
    draw = drawn(TRAINING, same)
    assert draw.watts == pytest.approx(400.0)
    assert draw.measured == 1.0
    assert 0 < draw.error < 1.96 * math.sqrt(5_000) / 400
    louder = measured(*same.measurements, shape("matmul-bf16", 2.0, 2 * 800.0))
    assert 400.0 < drawn(TRAINING, louder).watts < 600.0


def test_what_waits_for_a_network_is_not_counted_as_measured() -> None:
    """A 1B model on two nodes over a slow network: the seconds of no family are at the limit."""
    slow = NodeType("h100-sxm", 8, NODE.intra_node, 1e9)
    alike = measured(*(shape(name, 1.0, 300.0) for name in H100.fits for _ in range(2)))
    work = read_job("training", {"model": "llama-3.2-1b", "tokens": "10M", "gpus": "16"})
    draw = job_draw(work, alike, slow)
    assert draw is not None
    assert 0 < draw.measured < 0.9
    assert draw.watts == pytest.approx(draw.measured * 300.0 + (1 - draw.measured) * 700.0)


def test_the_table_says_where_watts_come_from() -> None:
    limited = estimate(ON_DEVICE, Setting(), H100)
    whole = estimate(ON_DEVICE, Setting(), measured(shape("merge-linear", 1.0, 300.0), shape("merge-linear", 1.0, 500.0)))
    part = estimate(FROM_HOST, Setting(), measured(shape("merge-linear", 1.0, 300.0), shape("merge-linear", 1.0, 500.0)))
    rows = estimate_rows([limited, whole, part])
    cells = [row[rows.headings.index("power a GPU")] for row in rows.cells]
    assert cells[:2] == ["700 W, the power limit", "400 W, measured"]
    assert cells[2].endswith("of its time")
    assert any("at the device's limit: an upper bound" in note for note in estimate_notes([limited], {}))
    assert not any("limit" in note for note in estimate_notes([whole], {}))
    assert whole.said()["power"] == {"watts": pytest.approx(400.0), "error": pytest.approx(whole.power.error), "measured": 1.0}  # type: ignore[union-attr]
