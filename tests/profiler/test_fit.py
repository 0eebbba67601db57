"""Fits find again the parameters that times were made from, and are judged only on shapes that they never saw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler.fit import HELD_OUT, LEAST_SHAPES, fit_family, predicted, split
from sim.cost.calibration import Fit, Measurement


def measurement(shape: dict[str, int], seconds: float, *, bytes_moved: float, flops: float = 0.0) -> Measurement:
    return Measurement(
        probe="p", family="f", shape=shape, dtype="bf16", repeats=3,
        median_s=seconds, p5_s=seconds, p95_s=seconds, bytes=bytes_moved, flops=flops,
    )  # fmt: skip


def products(true: Fit, count: int, noise: float = 0.0, seed: int = 1) -> list[Measurement]:
    """Times of `count` random products as `true` has them, each off by a log-normal factor."""
    drawn = np.random.default_rng(seed)
    made = []
    for m, n, k in np.exp(drawn.uniform(np.log(32), np.log(8192), (count, 3))).astype(int).tolist():
        moved = 2.0 * (m * k + k * n + m * n)
        seconds = true.matmul_seconds(m, n, k, moved) * float(np.exp(noise * drawn.standard_normal()))
        made.append(measurement({"m": m, "n": n, "k": k}, seconds, bytes_moved=moved, flops=2.0 * m * n * k))
    return made


def copies(true: Fit, count: int, noise: float = 0.0) -> list[Measurement]:
    drawn = np.random.default_rng(2)
    sizes = np.exp(np.linspace(np.log(1e4), np.log(1e9), count))
    return [
        measurement(
            {"bytes": int(size)}, true.bytes_seconds(size) * float(np.exp(noise * drawn.standard_normal())), bytes_moved=float(size)
        )
        for size in sizes
    ]


GPU_LIKE = Fit(
    family="f", overhead_s=6e-6, flops_per_s=7e14, half_m=180.0, half_n=90.0, half_k=300.0, bytes_per_s=2.5e12, error_median=0, error_p95=0
)


def test_a_product_fit_recovers_the_roofline_it_was_made_from() -> None:
    found = fit_family("f", products(GPU_LIKE, 60))
    assert found is not None
    assert found.formula == "roofline"
    assert found.flops_per_s == pytest.approx(GPU_LIKE.flops_per_s, rel=0.02)
    assert found.bytes_per_s == pytest.approx(GPU_LIKE.bytes_per_s, rel=0.02)
    assert found.overhead_s == pytest.approx(GPU_LIKE.overhead_s, rel=0.02)
    for name in ("half_m", "half_n", "half_k"):
        assert getattr(found, name) == pytest.approx(getattr(GPU_LIKE, name), rel=0.05)
    assert found.error_p95 < 0.01


def test_int8_mixed_precision_is_fitted_as_quantise_then_multiply() -> None:
    true = GPU_LIKE.model_copy(update={"formula": "sum", "half_m": 0.0, "half_n": 0.0, "half_k": 0.0})
    found = fit_family("int8-linear", products(true, 60))
    assert found is not None
    assert found.formula == "sum"
    for m, n, k in ((4096, 4096, 4096), (1024, 128, 512), (64, 8192, 2048)):
        moved = 2.0 * (m * k + k * n + m * n)
        assert found.matmul_seconds(m, n, k, moved) == pytest.approx(true.matmul_seconds(m, n, k, moved), rel=0.02)


def test_noise_shows_in_the_held_out_error_and_hardly_in_the_rate() -> None:
    found = fit_family("f", products(GPU_LIKE, 60, noise=0.08))
    assert found is not None
    assert found.flops_per_s == pytest.approx(GPU_LIKE.flops_per_s, rel=0.15)
    assert 0.02 < found.error_median < 0.15
    assert found.error_median <= found.error_p95 < 0.4


def test_one_disturbed_shape_does_not_move_the_fit() -> None:
    shapes = products(GPU_LIKE, 60)
    slowed = split(shapes)[0][10]
    disturbed = [one if one is not slowed else slowed.model_copy(update={"median_s": 5 * slowed.median_s}) for one in shapes]
    found = fit_family("f", disturbed)
    assert found is not None
    assert found.flops_per_s == pytest.approx(GPU_LIKE.flops_per_s, rel=0.05)


@pytest.mark.parametrize(("overhead", "bandwidth"), [(2e-5, 3.2e10), (0.0, 1.8e10), (5e-3, 2e9)])
def test_a_byte_fit_recovers_overhead_and_bandwidth(overhead: float, bandwidth: float) -> None:
    true = Fit(family="f", overhead_s=overhead, bytes_per_s=bandwidth, error_median=0, error_p95=0)
    found = fit_family("f", copies(true, 12))
    assert found is not None
    assert found.bytes_per_s == pytest.approx(bandwidth, rel=0.01)
    assert found.overhead_s == pytest.approx(overhead, rel=0.01, abs=1e-8)
    assert found.flops_per_s is None


def test_what_the_shapes_do_not_show_is_absent_not_invented() -> None:
    true = Fit(family="f", overhead_s=1e-5, flops_per_s=4e11, error_median=0, error_p95=0)  # no traffic term, no half sizes
    found = fit_family("f", products(true, 60))
    assert found is not None
    for measured in products(true, 20, seed=5):
        assert predicted(found, measured) == pytest.approx(measured.median_s, rel=0.02)
    slowest = max(one.bytes / one.median_s for one in products(true, 60))
    assert found.bytes_per_s is None or found.bytes_per_s > slowest


@settings(max_examples=30, deadline=None)
@given(count=st.integers(LEAST_SHAPES, 200))
def test_the_split_parts_the_shapes_and_keeps_both_ends_in_the_fit(count: int) -> None:
    shapes = copies(Fit(family="f", bytes_per_s=1e9, error_median=0, error_p95=0), count)
    fitted, held_out = split(shapes)
    assert len(fitted) + len(held_out) == count
    assert not {id(one) for one in fitted} & {id(one) for one in held_out}
    assert shapes[0] in fitted
    assert shapes[-1] in fitted
    assert len(held_out) == max(1, round(HELD_OUT * count))
    assert split(list(reversed(shapes))) == (fitted, held_out)


def test_held_out_shapes_change_the_error_and_nothing_else() -> None:
    """Were a held-out shape ever fitted, making it ten times as slow would move a parameter."""
    shapes = products(GPU_LIKE, 40, noise=0.02)
    held_out = split(shapes)[1]
    # Sorting is by flops, so slower held-out shapes stay held out.
    slowed = [one.model_copy(update={"median_s": 10 * one.median_s}) if one in held_out else one for one in shapes]
    before, after = fit_family("f", shapes), fit_family("f", slowed)
    assert before is not None
    assert after is not None
    errors = {"error_median", "error_p95"}
    assert before.model_dump(exclude=errors) == after.model_dump(exclude=errors)
    assert before.error_median < 0.1
    assert after.error_median == pytest.approx(0.9, abs=0.02)
    assert (before.fitted_shapes, before.held_out_shapes) == (29, 11)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000), noise=st.floats(0.0, 0.3), family=st.sampled_from(["f", "int8-linear"]))
def test_more_work_never_takes_less_time(seed: int, noise: float, family: str) -> None:
    """Holds monotonicity in m, n and k whatever the measurements' noise: a planner compares shapes that nobody measured."""
    found = fit_family(family, products(GPU_LIKE, 24, noise, seed))
    assert found is not None
    sizes = np.geomspace(16, 32768, 25).tolist()
    for name in ("m", "n", "k"):
        shapes = [{"m": 512.0, "n": 512.0, "k": 512.0} | {name: size} for size in sizes]
        moved = [2.0 * (one["m"] * one["k"] + one["k"] * one["n"] + one["m"] * one["n"]) for one in shapes]
        seconds = [found.matmul_seconds(**one, bytes_moved=bytes_moved) for one, bytes_moved in zip(shapes, moved, strict=True)]
        assert seconds == sorted(seconds)


def test_too_few_shapes_give_no_fit() -> None:
    true = Fit(family="f", bytes_per_s=1e9, error_median=0, error_p95=0)
    assert fit_family("f", copies(true, LEAST_SHAPES - 1)) is None
    assert fit_family("f", copies(true, LEAST_SHAPES)) is not None
