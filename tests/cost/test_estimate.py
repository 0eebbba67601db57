"""One job's estimate: the scenario's own cost, its range from the stated errors, and a refusal that says what would do."""

import math

import numpy as np
import pytest

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.devices import compared_calibrations, known_devices, shipped_calibration
from sim.cost.durations import CostTable
from sim.cost.estimate import DeviceEstimate, Range, estimate
from sim.cost.merge import merge_cost
from sim.cost.models import model_shape
from sim.cost.prices import LIST_PRICES
from sim.scenario.errors import InputError
from sim.scenario.one_job import OneJob, Setting, read_job, read_setting
from sim.scenario.workloads import MergeWorkload, TrainingWorkload

H100 = shipped_calibration("h100-sxm")
JOBS = (
    read_job("training", {"model": "llama-3.1-8b", "tokens": "300M", "gpus": "8", "checkpoint": "30 min"}),
    read_job("training", {"model": "llama-3.2-1b", "tokens": "1B", "precision": "int8-mixed"}),
    read_job("merge", {"model": "llama-3.1-8b", "experts": "8", "method": "ties"}),
    read_job("merge", {"model": "llama-3.1-8b", "experts": "2", "source": "device"}),
    read_job("evaluation", {"model": "llama-3.2-11b-vision", "tokens": "10M", "images": "1k"}),
)


def run(work: OneJob, calibration: Calibration = H100, setting: Setting | None = None) -> tuple[DeviceEstimate, Range]:
    one = estimate(work, setting or Setting(), calibration)
    assert one.seconds is not None, one.refusal
    return one, one.seconds


@pytest.mark.parametrize("work", JOBS, ids=lambda work: f"{work.kind} {work.model}")
def test_parts_add_up_inside_a_range_that_holds_the_estimate(work: OneJob) -> None:
    """Holds the breakdown against the total, and energy and price to the same seconds."""
    one, seconds = run(work)
    if isinstance(work, MergeWorkload) and work.source == "storage":  # its tiers work at the same time
        assert one.terms_s["storage"] == pytest.approx(seconds.value)
    else:
        assert sum(one.terms_s.values()) == pytest.approx(seconds.value)
    assert one.bound_by in one.terms_s
    assert seconds.low < seconds.value < seconds.high
    assert one.energy_j is not None
    assert one.price_usd is not None
    assert one.energy_j.high == pytest.approx(700 * one.gpus * seconds.high)
    assert one.price_usd.low == pytest.approx(LIST_PRICES["h100-sxm"].usd_per_gpu_hour * one.gpus * seconds.low / 3600)
    assert one.memory_bytes is not None
    assert 0 < one.memory_bytes <= 80e9


def test_seconds_are_those_of_a_scenario() -> None:
    """No second cost model: a table asked for the same job says the same."""
    work = JOBS[0]
    assert isinstance(work, TrainingWorkload)
    node = NodeType("h100-sxm", 8, H100.device.intra_node_bytes_per_s, H100.device.inter_node_bytes_per_s)
    assert run(work)[1].value == CostTable((node,), {"h100-sxm": H100}).training_seconds_per_token(work, 8, node) * 300e6


def test_one_family_alone_gives_its_own_error_as_the_range() -> None:
    """A merge in device memory rests on one family, so its range is that family's 95 % error, either way."""
    one, seconds = run(JOBS[3])
    (error,) = one.errors.values()
    assert seconds.high / seconds.value == pytest.approx(1 + error, rel=0.01)
    assert seconds.value / seconds.low == pytest.approx(1 + error, rel=0.01)


def test_independent_errors_do_not_add_up() -> None:
    """A training step: the range is wider than half of one family's error and narrower than all of them off at once."""
    _, seconds = run(JOBS[0])
    together = math.log(1 + 0.9)
    assert 0.5 * together < math.log(seconds.high / seconds.value) < together


def test_tiers_that_take_as_long_make_the_range_lie_above_the_estimate() -> None:
    """Reading two models and writing one take as long on a datasheet's disk: either's error alone makes the merge longer, and a shorter one
    takes both. Of 20000 independent draws the range holds 95 in a hundred, give or take one."""
    work = read_job("merge", {"model": "llama-3.1-8b"})
    _, seconds = run(work)
    assert seconds.low < seconds.value
    rng, tiers = np.random.default_rng(1), ("disk-read", "disk-write", "host-copy", "merge-linear")
    one = merge_cost(model_shape("llama-3.1-8b"), "linear", 2, 1, "storage", H100, NodeType("h100-sxm", 8, None, None))
    read = H100.fit("disk-read").bytes_seconds(4.0 * model_shape("llama-3.1-8b").parameters)
    errors = np.exp(H100.spread(tiers[0]) * rng.standard_normal((20000, 4)))
    drawn = np.maximum(
        np.maximum(read * errors[:, 0], one.storage_s * errors[:, 1]), one.host_s * errors[:, 2] + one.device_s * errors[:, 3]
    )
    assert np.mean((drawn >= seconds.low) & (drawn <= seconds.high)) == pytest.approx(0.95, abs=0.01)


def test_a_surer_calibration_gives_a_narrower_range() -> None:
    fits = {name: fit.model_copy(update={"error_p95": 0.05}) for name, fit in H100.fits.items()}
    _, narrow = run(JOBS[1], H100.model_copy(update={"fits": fits}))
    assert narrow.high / narrow.low < 1.11
    assert narrow.value == run(JOBS[1])[1].value


def test_what_does_not_fit_says_how_many_would_do_and_they_do() -> None:
    """The remedy is tried: one GPU fewer is refused too."""
    refused = estimate(read_job("training", {"model": "llama-3.1-70b", "tokens": "1M"}), Setting(), H100)
    assert refused.seconds is None
    assert refused.refusal is not None
    least = int(refused.refusal.removeprefix("needs at least ").removesuffix(" GPUs"))
    for gpus, runs in ((least, True), (least - 1, False)):
        work = read_job("training", {"model": "llama-3.1-70b", "tokens": "1M", "gpus": str(gpus)})
        assert (estimate(work, Setting(), H100).seconds is not None) is runs


def test_gpus_over_a_network_nobody_described_are_refused_with_the_flag_that_describes_it() -> None:
    bare = H100.model_copy(update={"device": H100.device.model_copy(update={"intra_node_bytes_per_s": None})})
    refusal = estimate(JOBS[0], Setting(), bare).refusal
    assert refusal is not None
    assert "--intra-node '25 Gb/s'" in refusal
    assert estimate(JOBS[0], read_setting({"intra-node": "450 GB/s"}), bare).seconds == estimate(JOBS[0], Setting(), H100).seconds


def test_a_family_that_was_not_measured_is_named() -> None:
    fits = {name: fit for name, fit in H100.fits.items() if name != "disk-read"}
    refusal = estimate(JOBS[2], Setting(), H100.model_copy(update={"fits": fits})).refusal
    assert refusal is not None
    assert "has no fit of disk-read, on which" in refusal


def test_absent_power_and_price_stay_absent() -> None:
    """Never 0: nobody said what the device draws or costs."""
    silent = H100.device.model_copy(update={"power_limit_w": None, "id": "unheard-of"})
    one, _ = run(JOBS[3], H100.model_copy(update={"device": silent}))
    assert (one.energy_j, one.price_usd, one.usd_per_gpu_hour, one.price_source) == (None, None, None, None)
    priced, seconds = run(JOBS[3], H100.model_copy(update={"device": silent}), read_setting({"price": "3600 USD/GPU/h"}))
    assert priced.price_usd is not None
    assert priced.price_usd.value == pytest.approx(seconds.value)


def test_all_known_devices_are_compared_unless_named() -> None:
    assert [one.device.id for one in compared_calibrations(None, None)] == known_devices()
    assert [one.device.id for one in compared_calibrations(["rtx-4090"], None)] == ["rtx-4090"]
    with pytest.raises(InputError, match="--devices: found GPU type 'h100'"):
        compared_calibrations(["h100"], None)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"model": "llama-3.1-8b", "tokens": "300 parsec"}, "--tokens: found '300 parsec'"),
        ({"model": "llama-3.1-8b", "tokens": "1M", "precision": "int9"}, "--precision: found 'int9'; one of"),
        ({"model": "llama-3.1-8b", "tokens": "1M", "gpus": "0"}, "--gpus: found '0'"),
        ({"model": "llama-3.1-8b", "tokens": "1M", "checkpoint": "30"}, "--checkpoint: found '30', which has no unit"),
    ],
)
def test_a_wrong_flag_is_named_as_a_wrong_key_is(flags: dict[str, str], says: str) -> None:
    """The scenario's own words judge the flags; found and remedy are theirs."""
    with pytest.raises(InputError) as caught:
        read_job("training", flags)
    assert str(caught.value).startswith(says)


def test_an_unknown_model_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(InputError, match=r"--model: found model 'llama-3-8b'.*did you mean"):
        estimate(read_job("merge", {"model": "llama-3-8b"}), Setting(), H100)


def test_mfu_is_the_share_of_the_stated_peak_that_a_model_needs() -> None:
    """6·N·D over peak · GPU-seconds, of training alone, and of devices whose peak somebody states."""
    one, seconds = run(JOBS[0])
    assert one.mfu == pytest.approx(6 * model_shape("llama-3.1-8b").parameters * 300e6 / (989.4e12 * 8 * seconds.value))
    assert run(JOBS[3])[0].mfu is None
    assert (
        run(read_job("training", {"model": "tinyllama-1.1b", "tokens": "1M"}), shipped_calibration("amd-epyc-f26-avx512-2c"))[0].mfu is None
    )
