"""What serving costs: counted as it is measured, bound by what a device can move, and in a steady stream what a replayed one takes."""

import math
from collections import deque
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.datasheets import DATASHEETS
from sim.cost.devices import measured_calibrations, shipped_calibration
from sim.cost.models import measured_model, model_shape
from sim.cost.serving import (
    Replica,
    ServingCost,
    cached_bytes,
    decode_counts,
    most_within,
    prefill_counts,
    serving_cost,
    serving_families,
)
from sim.cost.serving_estimate import ServingEstimate, estimate_serving
from sim.scenario.errors import InputError
from sim.scenario.one_job import Setting, read_serving

H100 = shipped_calibration("h100-sxm")
MEASURED = sorted(measured_calibrations())


def replica(model: str = "llama-3.1-8b", gpus: int = 1, calibration: Calibration = H100) -> Replica:
    device = calibration.device
    return Replica(
        model_shape(model), gpus, NodeType(device.id, 8, device.intra_node_bytes_per_s, device.inter_node_bytes_per_s), calibration
    )


def served(calibration: Calibration = H100, **flags: str) -> ServingEstimate:
    return estimate_serving(read_serving({"model": "llama-3.1-8b"} | flags), Setting(), calibration)


@pytest.mark.parametrize("device", MEASURED)
def test_a_stack_is_counted_as_its_probe_counted_it_and_costs_what_was_measured(device: str) -> None:
    """Holds one way of counting in both rooms, and the estimate to the fits of the stacks themselves."""
    calibration = shipped_calibration(device)
    assert serving_families(calibration) == ("prefill", "decode")
    for one in calibration.measurements:
        if one.family not in ("prefill", "decode"):
            continue
        shape, batch = measured_model(one.shape), one.shape["batch"]
        if one.family == "prefill":
            assert prefill_counts(shape, batch, one.shape["sequence"]) == (one.bytes, one.flops)
            continue
        assert decode_counts(shape, batch, one.shape["context"]) == (one.bytes, one.flops)
        own = replace(replica(calibration=calibration), shape=shape)
        off = abs(math.log(own.decode_seconds(batch, one.shape["context"]) / one.median_s))
        assert off < 2 * math.log1p(calibration.fit("decode").error_p95), one.shape


@pytest.mark.parametrize("device", sorted(DATASHEETS))
def test_a_decode_step_takes_no_less_than_reading_the_weights(device: str) -> None:
    """Holds the bound that serving is known for, and that one request is near it."""
    sheet, alone = DATASHEETS[device], replica(calibration=shipped_calibration(device))
    floor = 2 * sum(one.parameters for one in alone.shape.text_linears()) / sheet.memory_bandwidth
    assert floor < alone.decode_seconds(1, 500) < 2 * floor


def test_a_deeper_stack_takes_its_layers_overhead() -> None:
    """Twice the layers of the measured stacks, and all that they compute and move: twice the time, but for the head."""
    calibration = shipped_calibration("amd-epyc-f26-avx512-2c")
    one = next(one for one in calibration.measurements if one.family == "decode")
    stack = replace(measured_model(one.shape), vocabulary=0)
    twice = replace(stack, layers=2 * stack.layers)
    own = replace(replica(calibration=calibration), shape=stack)
    assert replace(own, shape=twice).decode_seconds(1, 64) == pytest.approx(2 * own.decode_seconds(1, 64), rel=1e-9)


def replayed(cost: ServingCost, requests: int) -> tuple[float, float]:
    """Requests a second and seconds a further token of a replica that takes a new request in as soon as one has ended, step by step."""
    further = cost.output - 1  # the prefill gives the first token
    now, running, waits, ended = 0.0, deque([round(further * (i + 1) / cost.at_once) for i in range(cost.at_once)]), [], 0
    since = deque([math.nan] * cost.at_once)
    while ended < requests:
        now += cost.decode_s
        for _ in range(cost.at_once):
            left, began = running.popleft() - 1, since.popleft()
            if left <= 0:
                ended += 1
                waits.append((now - began) / further)
                now += cost.prefill_s
                left, began = further, now
            running.append(left)
            since.append(began)
    return ended / now, sum(wait for wait in waits if not math.isnan(wait)) / sum(not math.isnan(wait) for wait in waits)


@pytest.mark.parametrize(("prefill_s", "decode_s", "at_once", "output"), [(0.02, 0.03, 64, 220), (0.1, 0.01, 8, 50), (0.001, 0.02, 1, 100)])
def test_a_steady_stream_is_as_fast_as_a_replayed_one(prefill_s: float, decode_s: float, at_once: int, output: int) -> None:
    """Holds both formulas to a stream replayed step by step, in which nothing but the two times is known: within 2 %."""
    cost = ServingCost(prefill_s, decode_s, at_once, output)
    rate, token_s = replayed(cost, 200 * at_once)
    assert cost.requests_per_s == pytest.approx(rate, rel=0.02)
    assert cost.token_s == pytest.approx(token_s, rel=0.02)


@settings(max_examples=30, deadline=None)
@given(prompt=st.integers(16, 8000), output=st.integers(1, 2000), token_ms=st.floats(1, 500))
def test_at_once_are_the_most_that_memory_and_time_allow(prompt: int, output: int, token_ms: float) -> None:
    """One more would not do, and that many do."""
    one, positions = replica(), prompt + output
    most = most_within(one, prompt, output, token_ms / 1e3)
    assert one.memory_bytes(one.most_at_once(positions), positions) <= 0.92 * 80e9
    assert 0 <= most <= one.most_at_once(positions)
    if most:
        assert (serving_cost(one, prompt, output, most).token_s or 0.0) <= token_ms / 1e3
    if most < one.most_at_once(positions):
        assert (serving_cost(one, prompt, output, most + 1).token_s or 0.0) > token_ms / 1e3


def test_an_answer_of_one_token_takes_its_prefill_alone() -> None:
    one = served(output="1")
    assert one.token_s is None
    assert one.first_token_s is not None
    assert one.requests_per_s is not None
    assert one.requests_per_s.value == pytest.approx(1 / one.first_token_s.value)


def test_a_model_that_sees_answers_text_as_fast_in_more_memory() -> None:
    """11B Vision on text alone computes what 8B does, but holds 1.7 B weights more, so that fewer are at once."""
    smaller, larger = served(), served(model="llama-3.2-11b-vision")
    assert smaller.first_token_s == larger.first_token_s
    assert smaller.at_once is not None
    assert larger.at_once is not None
    weights = 2 * (model_shape("llama-3.2-11b-vision").parameters - model_shape("llama-3.1-8b").parameters)
    assert smaller.at_once - larger.at_once == pytest.approx(weights / cached_bytes(model_shape("llama-3.1-8b"), 1020), abs=1)


def test_two_gpus_decode_faster_and_not_twice_as_fast() -> None:
    alone, both = replica(), replica(gpus=2)
    assert 0.5 < both.decode_seconds(8, 500) / alone.decode_seconds(8, 500) < 1
    assert both.most_at_once(1000) > 2 * alone.most_at_once(1000)  # one copy of the weights instead of two


def test_figures_agree_with_each_other() -> None:
    """Tokens, price and energy are of the same requests; replicas answer the rate, and one fewer would not."""
    one = served(rate="100/s", output="200")
    assert one.requests_per_s is not None
    assert one.tokens_per_s is not None
    assert one.usd_per_million_tokens is not None
    assert one.energy_j_per_million_tokens is not None
    assert one.replicas is not None
    assert one.usd_per_gpu_hour is not None
    assert one.tokens_per_s.value == pytest.approx(200 * one.requests_per_s.value)
    assert one.usd_per_million_tokens.value == pytest.approx(one.usd_per_gpu_hour * 1e6 / 3600 / one.tokens_per_s.value)
    assert one.usd_per_million_tokens.high == pytest.approx(one.usd_per_gpu_hour * 1e6 / 3600 / one.tokens_per_s.low)
    assert one.energy_j_per_million_tokens.value == pytest.approx(700e6 / one.tokens_per_s.value)
    assert (one.replicas - 1) * one.requests_per_s.value < 100 <= one.replicas * one.requests_per_s.value
    assert one.usd_per_month == pytest.approx(one.replicas * one.usd_per_gpu_hour * 720)
    assert set(one.errors) == set(serving_families(H100))


def test_what_does_not_fit_says_how_many_would_do_and_they_do() -> None:
    refused = served(model="llama-3.1-70b")
    assert refused.refusal == "needs at least 2 GPUs"
    assert served(model="llama-3.1-70b", gpus="2").refusal is None
    assert served(shipped_calibration("rtx-4090"), model="llama-3.1-405b").refusal == "fits on no number of GPUs that share out its heads"


def test_a_time_that_nothing_meets_says_what_one_request_takes() -> None:
    refused = served(tpot="1 ms")
    assert refused.refusal is not None
    assert "a token even for one request at a time" in refused.refusal
    assert refused.token_s is None


def test_an_estimate_from_measured_stacks_says_from_which() -> None:
    calibration = shipped_calibration("amd-epyc-f26-avx512-2c")
    assert served(calibration).stacks == (2, 768)
    assert served().stacks is None


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"gpus": "3"}, "--gpus: found 3; a replica of llama-3.1-8b shares out its 8 heads of keys and values, over 1, 2, 4 or 8 GPUs"),
        ({"model": "llama-3-8b"}, "--model: found model 'llama-3-8b'"),
        ({"prompt": "0"}, "--prompt: found 0; the number of tokens in a prompt is a whole number, 1 or more"),
        ({"tpot": "60"}, "--tpot: found '60', which has no unit"),
        ({"rate": "6"}, "--rate: found '6', which has no unit"),
    ],
)
def test_a_wrong_flag_is_named(flags: dict[str, str], says: str) -> None:
    with pytest.raises(InputError) as caught:
        served(**flags)
    assert str(caught.value).startswith(says)
