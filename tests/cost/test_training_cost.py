"""A training step costs its arithmetic, its traffic and the network that it cannot hide, in a layout that fits."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType, all_gather_seconds, all_reduce_seconds
from sim.cost.devices import shipped_calibration
from sim.cost.durations import CostTable, misfit
from sim.cost.evaluation import evaluation_cost, evaluation_fits
from sim.cost.models import CATALOGUE, model_shape
from sim.cost.products import FAMILIES, product_families, product_seconds
from sim.cost.training import (
    USABLE_MEMORY,
    Layout,
    StepCost,
    TrainingJob,
    fits,
    layouts,
    least_gpus,
    memory_bytes,
    step_cost,
    training_families,
)
from sim.scenario.errors import InputError
from sim.scenario.workloads import Precision, TrainingWorkload

H100 = shipped_calibration("h100-sxm")
NODE = NodeType("h100-sxm", 8, 450e9, 50e9)
LLAMA_1B = TrainingJob(model_shape("llama-3.2-1b"), "bf16", 1, 4096, 16384)
LLAMA_8B = TrainingJob(model_shape("llama-3.1-8b"), "bf16", 8, 8192, 16384)


def step(job: TrainingJob, calibration: Calibration = H100, node: NodeType = NODE) -> StepCost:
    cost = step_cost(job, calibration, node)
    assert cost is not None
    return cost


@given(gpus=st.integers(1, 4096), megabytes=st.floats(0.001, 1e6))
def test_a_ring_all_reduce_sends_two_g_minus_one_over_g(gpus: int, megabytes: float) -> None:
    """Holds Patarasuk & Yuan (2009): 2(g−1)/g of the bytes over the slowest link, and a gather half of that."""
    size = megabytes * 1e6
    link = 450e9 if gpus <= 8 else 50e9
    expected = 2 * (gpus - 1) / gpus * size / link
    assert all_reduce_seconds(size, gpus, NODE) == pytest.approx(expected)
    assert all_gather_seconds(size, gpus, NODE) == pytest.approx(expected / 2)


def test_an_undescribed_network_is_asked_for() -> None:
    """Holds that no bandwidth is invented: one GPU needs none, two need the node's, nine the one between nodes."""
    silent = NodeType("x", 8, None, None)
    assert all_reduce_seconds(1e9, 1, silent) == 0.0
    with pytest.raises(InputError, match="intra-node"):
        all_reduce_seconds(1e9, 2, silent)
    with pytest.raises(InputError, match="inter-node"):
        all_reduce_seconds(1e9, 9, silent)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_one_gpu_holds_sixteen_bytes_a_parameter_and_more(name: str) -> None:
    """Holds ZeRO's 2 + 2 + 12 bytes a parameter, and activations of at most some 40 bytes a token, layer and width."""
    job = TrainingJob(model_shape(name), "bf16", 1, 128, 128)
    shape, states = job.shape, 16 * job.shape.parameters
    for layout in layouts(job):
        assert states < memory_bytes(job, layout) < states + 128 * (40 * shape.hidden * shape.layers + 8 * shape.vocabulary)


def test_a_layout_saves_what_it_should() -> None:
    """Holds ZeRO and checkpointing: shards hold less than replicas, recomputation saves activations, fewer tokens need less."""
    held = {layout: memory_bytes(LLAMA_8B, layout) for layout in layouts(LLAMA_8B)}
    for layout in held:
        if layout.sharding == "replicated":
            assert held[replace(layout, sharding="sharded")] < held[layout]
        if not layout.recompute:
            assert held[replace(layout, recompute=True)] < held[layout]
        if (half := replace(layout, micro_tokens=layout.micro_tokens // 2)) in held:
            assert held[half] < held[layout]


def test_shards_approach_a_gths_of_the_states() -> None:
    """Holds ZeRO stage 3: states shrink as 1/g but for the layer in flight."""
    layout = Layout("sharded", True, 8192)
    at = {gpus: memory_bytes(replace(LLAMA_8B, gpus=gpus), layout) for gpus in (8, 16)}
    assert at[8] - at[16] == pytest.approx(16 * LLAMA_8B.shape.parameters / 16)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(CATALOGUE)),
    memory_gb=st.sampled_from([24, 80, 141]),
    precision=st.sampled_from(["bf16", "fp32", "int8-mixed"]),
)
def test_the_least_gpus_fit_and_half_of_them_do_not(name: str, memory_gb: int, precision: Precision) -> None:
    """Holds the promise behind "needs at least N": N fit and N/2 do not."""
    job = TrainingJob(model_shape(name), precision, 1, 4096, 8192)
    least = least_gpus(job, memory_gb * 1e9)
    if least is not None:
        assert fits(replace(job, gpus=least), memory_gb * 1e9)
        assert least == 1 or not fits(replace(job, gpus=least // 2), memory_gb * 1e9)


def test_what_does_not_fit_says_how_many_gpus_would_do() -> None:
    """Holds the promise of a remedy: 16 bytes × 8.03 B parameters are 128 GB, which one 80 GB GPU cannot hold."""
    work = TrainingWorkload.model_validate(
        {"kind": "training", "model": "llama-3.1-8b", "arrivals": {"rate": "1/d"}, "tokens": 1_000_000, "sequence": 8192}
    )
    costs = CostTable((NODE,), {"h100-sxm": H100})
    assert costs.training_seconds_per_token(work, 1, NODE) == float("inf")
    least = least_gpus(replace(LLAMA_8B, gpus=1), H100.device.memory_bytes)
    assert least is not None
    assert misfit(work, 1, costs) == f"llama-3.1-8b does not fit 1 GPU; it needs at least {least} GPUs of h100-sxm (80 GB)"
    assert 0 < costs.training_seconds_per_token(work, least, NODE) < float("inf")
    assert step_cost(replace(LLAMA_8B, gpus=1), H100, NODE) is None


def test_the_chosen_layout_is_the_fastest_that_fits() -> None:
    """Holds the practitioner's choice: within memory, and never slower with more memory to choose in."""
    seconds = []
    for memory in (60e9, 80e9, 141e9, 1e12):
        calibration = H100.model_copy(update={"device": H100.device.model_copy(update={"memory_bytes": memory})})
        cost = step(LLAMA_8B, calibration)
        assert cost.memory_bytes <= USABLE_MEMORY * memory
        seconds.append(cost.seconds)
    assert seconds == sorted(seconds, reverse=True)


def test_replicas_where_the_model_fits_and_shards_where_not() -> None:
    """Holds DDP against ZeRO: over a slow network replicas win while they fit; 8B on 80 GB fits only in shards."""
    slow = NodeType("h100-sxm", 8, 1e9, 1e9)
    assert step(replace(LLAMA_1B, gpus=8, tokens_per_gpu=65536), node=slow).layout.sharding == "replicated"
    assert step(LLAMA_8B).layout.sharding == "sharded"


def test_the_network_is_paid_only_beyond_the_backward_pass() -> None:
    """Holds overlap: a fast network is free, and on a slow one what remains is the ring's time less the backward pass."""
    job = replace(LLAMA_1B, gpus=8)
    assert step(job).network_s == 0.0
    slow = NodeType("h100-sxm", 8, 1e8, 1e8)
    cost = step(job, node=slow)
    gradients = 2.0 * job.shape.parameters
    assert cost.layout.sharding == "replicated"
    assert cost.network_s == pytest.approx(all_reduce_seconds(gradients, 8, slow) - 2 / 3 * (cost.linear_s + cost.attention_s))


def test_doubling_the_tokens_doubles_the_work_and_not_the_optimiser() -> None:
    """Holds linearity in tokens at one micro-batch: twice the rounds, one optimiser step."""
    memory = H100.device.model_copy(update={"memory_bytes": 50e9})
    calibration = H100.model_copy(update={"device": memory})
    job = replace(LLAMA_1B, tokens_per_gpu=1 << 17)
    one, two = step(job, calibration), step(replace(job, tokens_per_gpu=1 << 18), calibration)
    assert one.layout == two.layout
    for term in ("linear_s", "attention_s", "traffic_s"):
        assert getattr(two, term) == pytest.approx(2 * getattr(one, term))
    assert two.optimiser_s == one.optimiser_s


@pytest.mark.parametrize("name", ["llama-3.2-1b", "smollm2-1.7b", "llama-3.1-8b"])
def test_a_step_is_six_flops_a_parameter_and_token_at_least(name: str) -> None:
    """Holds the 6·P·T rule (Kaplan et al. 2020): no step beats its arithmetic at the fitted rate, nor takes three times it."""
    job = TrainingJob(model_shape(name), "bf16", 8, 4096, 16384)
    rate = H100.fit("matmul-bf16").flops_per_s
    assert rate is not None
    embedding = 0 if job.shape.tied else job.shape.vocabulary * job.shape.hidden
    floor = 6 * (job.shape.parameters - embedding) * job.tokens_per_gpu / rate
    assert floor < step(job).seconds < 3 * floor


@settings(max_examples=60, deadline=None)
@given(m=st.integers(1024, 65536), n=st.integers(1024, 32768), k=st.integers(1024, 32768))
def test_a_large_int8_product_is_no_slower_than_bf16_on_an_h100(m: int, n: int, k: int) -> None:
    """Holds torchao's finding for products worth quantising: twice the peak outweighs quantising both operands."""
    if min(m, n, k) >= 4096:
        assert product_seconds(H100, "int8-mixed", m, n, k) <= product_seconds(H100, "bf16", m, n, k)
    assert product_seconds(H100, "int8-mixed", m, n, k) >= H100.fit("matmul-int8").matmul_seconds(m, n, k)


@pytest.mark.parametrize("device", ["h100-sxm", "h200-sxm", "a100-sxm-80gb", "rtx-4090", "rtx-5090"])
def test_int8_training_is_faster_but_not_by_its_peak(device: str) -> None:
    """Holds what all publications agree on: a gain, below the twofold (fourfold on the RTX cards) of the peaks, at the same memory."""
    calibration = shipped_calibration(device)
    job = replace(LLAMA_1B, shape=model_shape("tinyllama-1.1b"), sequence=2048, tokens_per_gpu=65536)
    bf16, int8 = step(job, calibration), step(replace(job, precision="int8-mixed"), calibration)
    assert 1.0 < bf16.seconds / int8.seconds < 2.0
    assert int8.memory_bytes == bf16.memory_bytes
    assert (int8.attention_s, int8.traffic_s) == (bf16.attention_s, bf16.traffic_s)


EACH_PRODUCT = H100.model_copy(update={"fits": H100.fits | {name: H100.fit("matmul-bf16") for name in FAMILIES["bf16"].values()}})
"""As a profile finds it: each product of a bf16 layer has a family of its own, here all as fast."""


@pytest.mark.parametrize("calibration", [H100, EACH_PRODUCT])
def test_a_step_rests_on_the_families_it_names(calibration: Calibration) -> None:
    """Holds the listing behind every uncertainty: slowing a listed family slows the step, slowing another does not."""
    for precision in ("fp32", "bf16", "int8-mixed"):
        job = replace(LLAMA_1B, precision=precision)
        named = training_families(calibration, precision)
        assert set(product_families(calibration, precision)) <= set(named)
        for family in calibration.fits:
            slower = step(job, calibration.scaled({family: 1.5})).seconds > step(job, calibration).seconds
            assert slower == (family in named), (precision, family)


def test_a_product_that_a_device_is_slow_at_costs_what_it_costs() -> None:
    """Three products of a layer compute as much; if one takes ten times as long, the layer takes (1 + 10 + 1) / 3 = 4 times as long. Where
    the output's alone was measured, all three are as it."""
    job = replace(LLAMA_1B, precision="bf16")
    assert step(job, EACH_PRODUCT) == step(job)
    slow = step(job, EACH_PRODUCT.scaled({"matmul-bf16-grad-input": 10.0}))
    assert slow.linear_s == pytest.approx(4 * step(job).linear_s, rel=0.05)


@settings(max_examples=25, deadline=None)
@given(gpus=st.sampled_from([1, 2, 8, 16, 64, 256]), tokens=st.sampled_from([4096, 16384, 65536]), factor=st.floats(1.0, 5.0))
def test_everything_slower_is_a_step_slower_by_no_more(gpus: int, tokens: int, factor: float) -> None:
    """Holds monotonicity and linearity: families f times as slow make a step slower, at most f times (the network stays)."""
    job = replace(LLAMA_1B, gpus=gpus, tokens_per_gpu=tokens)
    before, after = step(job).seconds, step(job, H100.scaled(dict.fromkeys(H100.fits, factor))).seconds
    assert before * (1 - 1e-9) <= after <= factor * before * (1 + 1e-9)


def test_evaluation_is_about_a_third_of_training_and_images_cost_more() -> None:
    """Holds 2·P a token forward against 6·P in training, and that 11B Vision on text costs what its language model does."""
    text, vision = model_shape("llama-3.1-8b"), model_shape("llama-3.2-11b-vision")
    cost, seeing = evaluation_cost(text, "bf16", 8192, H100), evaluation_cost(vision, "bf16", 8192, H100)
    trained = step(LLAMA_8B).seconds / LLAMA_8B.tokens_per_gpu
    assert 0.25 < cost.token_s / trained < 0.4
    assert seeing.token_s == cost.token_s
    assert cost.image_s == 0.0
    assert seeing.image_s > 1000 * cost.token_s


def test_evaluation_needs_its_weights_in_memory() -> None:
    """Holds two bytes a parameter: 70B needs 141 GB, so four 80 GB GPUs hold it and one does not."""
    shape = model_shape("llama-3.1-70b")
    assert not evaluation_fits(shape, "bf16", 4096, 1, 80e9)
    assert evaluation_fits(shape, "bf16", 4096, 4, 80e9)
    assert evaluation_fits(model_shape("llama-3.1-8b"), "bf16", 4096, 1, 24e9)
