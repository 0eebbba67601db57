"""A merge costs the bytes it must move through each tier it crosses, and nothing is moved twice or for nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.devices import measured_calibrations, shipped_calibration
from sim.cost.merge import merge_cost, merge_family, merge_fits, models_read
from sim.cost.models import model_shape
from sim.cost.storage import storage_seconds
from sim.scenario.workloads import MergeMethod

SHAPE = model_shape("llama-3.1-8b")
MODEL = 2.0 * SHAPE.parameters
NODE = NodeType("h100-sxm", 8, 450e9, 50e9)
OTHERS = ("task-arithmetic", "ties", "dare-ties")


@pytest.fixture(scope="module")
def h100() -> Calibration:
    """The H100's datasheet with no launch overhead, so that bytes over bandwidth is all there is."""
    calibration = shipped_calibration("h100-sxm")
    fits = {name: fit.model_copy(update={"overhead_s": 0.0}) for name, fit in calibration.fits.items()}
    return calibration.model_copy(update={"fits": fits})


@pytest.mark.parametrize("experts", [2, 3, 8])
@pytest.mark.parametrize("method", ["linear", *OTHERS])
def test_a_merge_on_the_device_moves_its_floor(method: MergeMethod, experts: int, h100: Calibration) -> None:
    """Holds the floor of bytes: (k+1)·P·b for an average, (k+2)·P·b where the base is read too; unmeasured, at the average's rate."""
    models = experts + (1 if method == "linear" else 2)
    cost = merge_cost(SHAPE, method, experts, 1, "device", h100, NODE)
    assert cost.device_s == pytest.approx(models * MODEL / (0.85 * 3.35e12))
    assert cost.seconds == cost.device_s
    assert models_read(method, experts) == models - 1


def test_slerp_reads_its_two_models_twice_on_the_device_and_once_from_storage(h100: Calibration) -> None:
    """Holds two passes, one for the angle and one for the sum; the base is not read."""
    cost = merge_cost(SHAPE, "slerp", 2, 1, "storage", h100, NODE)
    assert cost.device_s == pytest.approx(5 * MODEL / (0.85 * 3.35e12))
    assert cost.storage_s == pytest.approx(2 * MODEL / 6e9)


def test_a_method_that_was_measured_costs_what_its_own_family_says(h100: Calibration) -> None:
    """Holds that measurement goes before the linear merge's rate, and that a job rests on the family that priced it."""
    own = h100.fit("merge-linear").scaled(3.0).model_copy(update={"family": "merge-ties"})
    measured = h100.model_copy(update={"fits": h100.fits | {"merge-ties": own}})
    plain, better = (merge_cost(SHAPE, "ties", 4, 1, "device", one, NODE).device_s for one in (h100, measured))
    assert better == pytest.approx(3 * plain)
    assert (merge_family("ties", h100), merge_family("ties", measured)) == ("merge-linear", "merge-ties")


def test_a_merge_from_storage_pays_every_tier(h100: Calibration) -> None:
    """Holds the bytes of each tier: k models read while one is written, k+1 across the host's link and the device."""
    cost = merge_cost(SHAPE, "linear", 4, 1, "storage", h100, NODE)
    assert cost.storage_s == pytest.approx(4 * MODEL / 6e9)
    assert cost.host_s == pytest.approx(5 * MODEL / (0.85 * 64e9))
    assert cost.seconds == cost.storage_s  # the slowest of what runs at the same time
    assert cost.storage_s > cost.host_s > cost.device_s  # each tier nearer the arithmetic is faster


def test_a_disk_that_was_measured_both_ways_takes_what_both_take(h100: Calibration) -> None:
    """Holds a read and a write at once as far as both last, then the rest of the longer; never less than either alone."""
    both = h100.fit("disk-read").scaled(1.5).model_copy(update={"family": "disk-both"})  # 4 GB/s: no more than one after the other
    measured = h100.model_copy(update={"fits": h100.fits | {"disk-both": both}})
    assert storage_seconds(4e9, 1e9, measured) == pytest.approx(2e9 / 4e9 + 3e9 / 6e9)
    assert storage_seconds(1e9, 4e9, measured) == pytest.approx(2e9 / 4e9 + 3e9 / 3e9)
    quick = measured.model_copy(update={"fits": measured.fits | {"disk-both": both.scaled(0.1)}})
    assert storage_seconds(4e9, 1e9, quick) == storage_seconds(4e9, 1e9, h100) == pytest.approx(4e9 / 6e9)


def test_a_nearer_source_is_cheaper(h100: Calibration) -> None:
    """Holds the order of tiers: device < host < storage."""
    device, host, storage = (merge_cost(SHAPE, "linear", 4, 1, source, h100, NODE).seconds for source in ("device", "host", "storage"))
    assert device < host < storage


def test_gpus_share_links_and_nodes_share_storage(h100: Calibration) -> None:
    """Holds what each resource belongs to: a link to a GPU, storage to a node."""
    one, node, two_nodes = (merge_cost(SHAPE, "ties", 4, gpus, "storage", h100, NODE) for gpus in (1, 8, 16))
    assert node.host_s == pytest.approx(one.host_s / 8)
    assert node.device_s == pytest.approx(one.device_s / 8)
    assert node.storage_s == one.storage_s
    assert two_nodes.storage_s == pytest.approx(node.storage_s / 2)


def test_a_cpu_has_no_link_to_itself() -> None:
    """Holds that a device which is its own host copies nothing to it."""
    for device in measured_calibrations():
        calibration = shipped_calibration(device)
        if calibration.device.kind == "cpu":
            cost = merge_cost(model_shape("smollm2-135m"), "linear", 3, 1, "storage", calibration, NodeType(device, 1, None, None))
            assert cost.host_s == 0.0
            assert min(cost.storage_s, cost.device_s) > 0.0


@given(experts=st.integers(2, 64), gpus=st.integers(1, 64), method=st.sampled_from(["linear", *OTHERS]))
def test_one_more_expert_costs_more_and_one_more_gpu_never_does(experts: int, gpus: int, method: MergeMethod) -> None:
    """Holds monotonicity: in experts, up; in GPUs, not up; and the average is the cheapest method."""
    calibration = shipped_calibration("h100-sxm")

    def seconds(k: int, g: int, how: MergeMethod = method) -> float:
        return merge_cost(SHAPE, how, k, g, "storage", calibration, NODE).seconds

    assert seconds(experts + 1, gpus) > seconds(experts, gpus)
    assert seconds(experts, gpus + 1) <= seconds(experts, gpus)
    assert seconds(experts, gpus, "linear") <= seconds(experts, gpus)


def test_every_tensor_pays_the_overhead_of_a_call(h100: Calibration) -> None:
    """Llama 3.1 8B has 291 tensors in its published files: 32 × 9, embedding, head, norm."""
    slow = h100.fit("merge-linear").model_copy(update={"overhead_s": 1e-3})
    calibration = h100.model_copy(update={"fits": h100.fits | {"merge-linear": slow}})
    free, paid = (merge_cost(SHAPE, "linear", 2, 1, "device", one, NODE).device_s for one in (h100, calibration))
    assert paid - free == pytest.approx(0.291)
    shared = merge_cost(SHAPE, "linear", 2, 4, "device", calibration, NODE).device_s
    assert shared == pytest.approx(paid / 4)


def test_only_a_merge_within_the_device_must_fit_it(h100: Calibration) -> None:
    """Holds the memory rule: experts, base and result of an 8B model are 16 GB each; 80 GB hold four of them, not five."""
    assert merge_fits(SHAPE, "linear", 3, 1, "device", h100)
    assert not merge_fits(SHAPE, "ties", 3, 1, "device", h100)
    assert not merge_fits(SHAPE, "linear", 4, 1, "device", h100)
    assert merge_fits(SHAPE, "ties", 3, 2, "device", h100)
    assert merge_fits(model_shape("llama-3.1-405b"), "ties", 50, 1, "storage", h100)
