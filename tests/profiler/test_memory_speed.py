"""Times are given as at the memory's median speed: what a neighbour slowed is undone, what it did not slow is left alone."""

from itertools import count

import numpy as np
import pytest

pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler.flushing import buffer_on
from profiler.joining import join
from profiler.measuring import Item, Sample
from profiler.memory_speed import CPU, MOST_POWER, powers, read_speed, slowdowns, speed_note, usual_read_speed
from profiler.probes import all_probes
from sim.cost.devices import shipped_calibration
from sim.cost.fit import Fit

PROBES = all_probes()
SHAPES = [{"tokens": 64 * i, "width": 256} for i in range(1, 11)]


def samples(power: float, spread: float, noise: float = 0.0, probe: str = "elementwise") -> list[Sample]:
    """Ten shapes in four processes; memory's speed varies by `spread`, times follow it by `power` but for their own `noise`."""
    random, made = np.random.default_rng(3), []
    for process in range(4):
        for shape in SHAPES:
            slower = float(np.exp(spread * random.standard_normal()))
            seconds = 1e-6 * shape["tokens"] * slower**power * float(np.exp(noise * random.standard_normal()))
            known = {"median_s": seconds, "p5_s": seconds, "p95_s": seconds, "calls": 4, "bytes": 8.0, "flush_s": 1e-3 * slower}
            made.append(Sample.model_validate({"item": Item(probe=probe, shape=shape), "process": process} | known))
    return made


@pytest.mark.parametrize("power", [0.0, 0.7, 1.0])
def test_what_memory_did_to_a_probe_is_undone_however_much_it_minds(power: float) -> None:
    given = samples(power, spread=0.3, noise=0.01)
    measured, _ = join(given, PROBES)
    usual = float(np.median([one.flush_s for one in given])) / 1e-3
    for one in measured:
        assert one.median_s == pytest.approx(1e-6 * one.shape["tokens"] * usual**power, rel=0.03)
        assert one.process_medians_s == tuple(sample.median_s for sample in given if sample.item.shape == one.shape)


def test_where_memory_was_steady_its_noise_moves_nothing() -> None:
    """Times that differ for reasons of their own are not explained by what hardly varied."""
    slowed = slowdowns(samples(0.0, spread=0.003, noise=0.1), PROBES)
    assert max(slowed.values()) < 1.005
    assert speed_note(samples(0.0, spread=0.003)) is None


def test_each_probe_has_its_own_power_within_bounds() -> None:
    given = samples(-1.0, 0.3) + samples(9.0, 0.3, probe="norm")
    slowed = slowdowns(given, PROBES)
    usual = float(np.median([one.flush_s for one in given]))
    for one in given:
        power = 0.0 if one.item.probe == "elementwise" else MOST_POWER
        assert one.flush_s is not None
        assert slowed[one.process, one.item.key] == pytest.approx((one.flush_s / usual) ** power)


def test_what_was_not_flushed_is_as_it_was_measured() -> None:
    """A GPU's memory is its own, and whole steps are timed as they follow each other."""
    given = [one.model_copy(update={"flush_s": None}) for one in samples(1.0, 0.3)]
    assert slowdowns(given, PROBES) == powers(given, PROBES) == {}
    assert usual_read_speed(given) is None
    assert speed_note(given) is None
    measured, _ = join(given, PROBES)
    assert all(one.median_s == np.median(one.process_medians_s) for one in measured)


def test_a_fit_moved_to_another_speed_of_memory_says_what_was_measured_there() -> None:
    """Every sample alone, by its own flush: the calibration at that speed takes as long as the sample did."""
    given = samples(0.7, spread=0.3)
    measured, _ = join(given, PROBES)
    fitted = Fit(family="elementwise", bytes_per_s=1.0, error_median=0.0, error_p95=0.0, memory_power=powers(given, PROBES)["elementwise"])
    usual = usual_read_speed(given)
    calibration = shipped_calibration("h100-sxm").model_copy(update={"fits": {"elementwise": fitted}, "memory_read_bytes_per_s": usual})
    usual_s = {one.shape["tokens"]: one.median_s for one in measured}
    for one in given:
        assert one.flush_s is not None
        slowed = calibration.at_memory_speed(buffer_on(CPU).nbytes / one.flush_s).fits["elementwise"]
        moved = usual_s[one.item.shape["tokens"]] * slowed.bytes_seconds(1.0) / fitted.bytes_seconds(1.0)
        assert moved == pytest.approx(one.median_s, rel=0.03)


def test_memory_that_others_use_is_said() -> None:
    note = speed_note(samples(1.0, 0.3))
    assert note is not None
    assert note.startswith("memory was read at 0.6")
    usual = buffer_on(CPU).nbytes / float(np.median([one.flush_s or 0.0 for one in samples(1.0, 0.3)]))
    assert f"its median speed of {usual / 1e9:.0f} GB/s" in note


def test_memory_is_read_as_fast_as_its_flushes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that moves 2 ms at each look: nobody's memory decides this."""
    ticks = count(0.0, 0.002)
    monkeypatch.setattr("profiler.timing.time.perf_counter", lambda: next(ticks))
    assert read_speed() == pytest.approx(buffer_on(CPU).nbytes / 0.002)
