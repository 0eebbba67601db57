"""Times are given as at the median speeds of memory and cores: what a neighbour slowed is undone, what it did not slow is left alone."""

from itertools import count

import numpy as np
import pytest

pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler.flushing import buffer_on
from profiler.joining import join
from profiler.measuring import Item, Sample
from profiler.probes import all_probes
from profiler.speeds import CPU, MOST_POWER, powers, slowdowns, speed_note, speeds_now, usual_speeds
from profiler.yardstick import FLOPS
from sim.cost.devices import shipped_calibration
from sim.cost.fit import Fit
from sim.cost.speeds import Speeds

PROBES = all_probes()
SHAPES = [{"tokens": 64 * i, "width": 256} for i in range(1, 11)]
MEMORY_S, CORES_S = 1e-3, 3e-4
"""Of the yardsticks, undisturbed."""


def samples(memory: float, cores: float = 0.0, spread: float = 0.3, noise: float = 0.0, probe: str = "elementwise") -> list[Sample]:
    """Ten shapes in four processes; both speeds vary by `spread`, times follow them by these powers but for their own `noise`."""
    random, made = np.random.default_rng(3), []
    for process in range(4):
        for shape in SHAPES:
            less_memory, less_cores = np.exp(spread * random.standard_normal(2))
            seconds = 1e-6 * shape["tokens"] * less_memory**memory * less_cores**cores * np.exp(noise * random.standard_normal())
            beside = {"flush_s": MEMORY_S * less_memory, "product_s": CORES_S * less_cores}
            known = {"median_s": seconds, "p5_s": seconds, "p95_s": seconds, "calls": 4, "bytes": 8.0} | beside
            made.append(Sample.model_validate({"item": Item(probe=probe, shape=shape), "process": process} | known))
    return made


def usual_slowness(given: list[Sample]) -> tuple[float, float]:
    """The median yardsticks over the undisturbed ones."""
    flush_s, product_s = np.median([(one.flush_s, one.product_s) for one in given], axis=0)
    return float(flush_s / MEMORY_S), float(product_s / CORES_S)


def speeds_beside(sample: Sample) -> Speeds:
    assert sample.flush_s is not None
    assert sample.product_s is not None
    return Speeds(memory_bytes_per_s=buffer_on(CPU).nbytes / sample.flush_s, cores_flops_per_s=FLOPS / sample.product_s)


@pytest.mark.parametrize(("memory", "cores"), [(0.0, 0.0), (0.7, 0.0), (1.0, 0.3), (0.2, 0.9)])
def test_what_others_did_to_a_probe_is_undone_however_much_it_minds(memory: float, cores: float) -> None:
    given = samples(memory, cores, noise=0.01)
    measured, _ = join(given, PROBES)
    less_memory, less_cores = usual_slowness(given)
    for one in measured:
        assert one.median_s == pytest.approx(1e-6 * one.shape["tokens"] * less_memory**memory * less_cores**cores, rel=0.03)
        assert one.process_medians_s == tuple(sample.median_s for sample in given if sample.item.shape == one.shape)


def test_one_sample_that_went_wrong_does_not_hide_what_the_others_tell() -> None:
    given = samples(0.3, 0.8, noise=0.02)
    given[5] = given[5].model_copy(update={"median_s": 20 * given[5].median_s})
    assert powers(given, PROBES)["elementwise"] == pytest.approx((0.3, 0.8), abs=0.07)


def test_a_probe_measured_in_one_process_has_no_powers() -> None:
    assert powers(samples(0.3, 0.8)[: len(SHAPES)], PROBES)["elementwise"] == (0.0, 0.0)


def test_where_speeds_were_steady_their_noise_moves_nothing() -> None:
    """Times that differ for reasons of their own are not explained by what hardly varied."""
    slowed = slowdowns(samples(0.0, spread=0.003, noise=0.1), PROBES)
    assert max(slowed.values()) < 1.005
    assert speed_note(samples(0.0, spread=0.003)) is None


def test_each_probe_has_its_own_powers_within_bounds() -> None:
    given = samples(-1.0, 0.5) + samples(9.0, -2.0, probe="norm")
    found = powers(given, PROBES)
    assert (found["elementwise"][0], found["norm"][1]) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert found["norm"][0] == pytest.approx(MOST_POWER)
    assert 0.3 < found["elementwise"][1] < 1.0
    slowed = slowdowns(given, PROBES)
    usual = usual_slowness(given)
    for one in given:
        beside = usual_slowness([one])
        expected = np.prod([(own / common) ** power for own, common, power in zip(beside, usual, found[one.item.probe], strict=True)])
        assert slowed[one.process, one.item.key] == pytest.approx(float(expected))


def test_what_had_no_yardstick_is_as_it_was_measured() -> None:
    """A GPU is its user's own, and whole steps are timed as they follow each other."""
    given = [one.model_copy(update={"flush_s": None, "product_s": None}) for one in samples(1.0)]
    assert slowdowns(given, PROBES) == powers(given, PROBES) == {}
    assert usual_speeds(given) is None
    assert speed_note(given) is None
    measured, _ = join(given, PROBES)
    assert all(one.median_s == np.median(one.process_medians_s) for one in measured)


def test_a_fit_moved_to_other_speeds_says_what_was_measured_there() -> None:
    """Every sample alone, by its own yardsticks: the calibration at those speeds takes as long as the sample did."""
    given = samples(0.7, 0.4)
    measured, _ = join(given, PROBES)
    memory, cores = powers(given, PROBES)["elementwise"]
    fitted = Fit(family="elementwise", bytes_per_s=1.0, error_median=0.0, error_p95=0.0, memory_power=memory, cores_power=cores)
    calibration = shipped_calibration("h100-sxm").model_copy(update={"fits": {"elementwise": fitted}, "speeds": usual_speeds(given)})
    usual_s = {one.shape["tokens"]: one.median_s for one in measured}
    for one in given:
        moved = calibration.at_speeds(speeds_beside(one)).fits["elementwise"]
        factor = moved.bytes_seconds(1.0) / fitted.bytes_seconds(1.0)
        assert usual_s[one.item.shape["tokens"]] * factor == pytest.approx(one.median_s, rel=0.04)


def test_a_calibration_that_knows_no_speeds_stays_as_it_is() -> None:
    calibration = shipped_calibration("h100-sxm")
    assert calibration.at_speeds(speeds_beside(samples(1.0)[0])) is calibration


def test_speeds_that_others_changed_are_said() -> None:
    given = samples(1.0)
    note = speed_note(given)
    assert note is not None
    assert note.startswith(f"at the median, {usual_speeds(given)}; as others let them, 0.58 to ")


def test_the_usual_speeds_are_medians_of_those_that_are_known() -> None:
    told = [None, *(Speeds(memory_bytes_per_s=one, cores_flops_per_s=10 - one) for one in (1.0, 2.0, 6.0))]
    assert Speeds.usual(told) == Speeds(memory_bytes_per_s=2.0, cores_flops_per_s=8.0)
    assert Speeds.usual([None]) is None


def test_speeds_are_what_yardsticks_move_and_compute_in_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that moves 2 ms at each look: nobody's machine decides this."""
    ticks = count(0.0, 0.002)
    monkeypatch.setattr("profiler.timing.time.perf_counter", lambda: next(ticks))
    found = speeds_now()
    assert found.memory_bytes_per_s == pytest.approx(buffer_on(CPU).nbytes / 0.002)
    assert found.cores_flops_per_s == pytest.approx(FLOPS / 0.002)
