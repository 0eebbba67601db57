"""Anchors are predicted by the simulator's own cost model, from the fits and nothing else."""

import pytest

pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler.predictions import predict
from sim.cost.calibration import Calibration, Device, Software
from sim.cost.fit import Fit
from sim.cost.training import OPTIMISER_TRAFFIC

RATE, BANDWIDTH = 1e12, 1e10
PLAIN = Calibration(
    source="measured",
    completeness="quick",
    date="2024-01-01T00:00:00+00:00",
    device=Device(id="x", name="x", vendor="x", kind="cpu", memory_bytes=1e12),
    software=Software(profiler="test"),
    fits={
        "matmul-bf16": Fit(family="matmul-bf16", flops_per_s=RATE, error_median=0, error_p95=0),
        "memory-copy": Fit(family="memory-copy", bytes_per_s=BANDWIDTH, error_median=0, error_p95=0),
    },
)
MLP = {"batch": 512, "inputs": 1024, "hidden": 2048, "outputs": 256}
TRANSFORMER = {
    "layers": 2, "hidden": 256, "intermediate": 512, "heads": 4, "kv_heads": 2, "vocabulary": 1024, "sequence": 128, "batch": 2
}  # fmt: skip


def test_an_mlp_step_is_its_five_products_its_activations_and_its_optimiser() -> None:
    arithmetic = 2 * 512 * (2 * 1024 * 2048 + 3 * 2048 * 256) / RATE
    moved = OPTIMISER_TRAFFIC * 2048 * (1024 + 256) + 2 * 512 * (5 * 2048 + 6 * 256)
    assert predict("mlp-step", MLP, PLAIN) == pytest.approx(arithmetic + moved / BANDWIDTH)


def test_a_transformer_step_takes_no_less_than_the_arithmetic_of_its_linear_layers() -> None:
    seconds = predict("transformer-step", TRANSFORMER, PLAIN)
    layer = 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 512
    linear = 6.0 * 256 * (2 * layer + 256 * 1024) / RATE
    assert seconds is not None
    assert seconds > linear


@pytest.mark.parametrize(("probe", "shape"), [("mlp-step", MLP), ("transformer-step", TRANSFORMER)])
def test_a_device_twice_as_slow_takes_twice_as_long(probe: str, shape: dict[str, int]) -> None:
    fast = predict(probe, shape, PLAIN)
    assert fast is not None
    assert predict(probe, shape, PLAIN.scaled({"matmul-bf16": 2.0, "memory-copy": 2.0})) == pytest.approx(2 * fast)


@pytest.mark.parametrize("missing", ["matmul-bf16", "memory-copy"])
def test_without_the_fits_it_needs_nothing_is_predicted(missing: str) -> None:
    fits = {name: fit for name, fit in PLAIN.fits.items() if name != missing}
    assert predict("mlp-step", MLP, PLAIN.model_copy(update={"fits": fits})) is None


def test_a_streamed_merge_takes_as_long_as_the_slowest_of_what_works_at_once() -> None:
    """k models read, one written, and the kernel: here the disk's read, then its write; nothing where the disk was not measured."""
    shape = {"experts": 2, "parameters": 1_000_000}

    def rate(family: str, bytes_per_s: float) -> Fit:
        return Fit(family=family, bytes_per_s=bytes_per_s, error_median=0, error_p95=0)

    fits = dict(PLAIN.fits) | {"merge-linear": rate("merge-linear", BANDWIDTH), "disk-read": rate("disk-read", 1e9)}
    assert predict("streamed-linear", shape, PLAIN.model_copy(update={"fits": fits})) is None
    fits["disk-write"] = rate("disk-write", 1e9)
    assert predict("streamed-linear", shape, PLAIN.model_copy(update={"fits": fits})) == pytest.approx(2 * 2e6 / 1e9)
    assert predict("streamed-ties", shape, PLAIN.model_copy(update={"fits": fits})) == pytest.approx(3 * 2e6 / 1e9)
    fits["disk-write"] = rate("disk-write", 1e8)
    assert predict("streamed-ties", shape, PLAIN.model_copy(update={"fits": fits})) == pytest.approx(2e6 / 1e8)


def test_a_merge_in_memory_is_its_bytes_at_the_familys_rate() -> None:
    """(k+1)·P·2 bytes for the linear merge; nothing where its family was not measured."""
    merge = {"experts": 4, "parameters": 1_000_000}
    fits = dict(PLAIN.fits) | {"merge-linear": Fit(family="merge-linear", bytes_per_s=BANDWIDTH, error_median=0, error_p95=0)}
    assert predict("merge-linear", merge, PLAIN.model_copy(update={"fits": fits})) == pytest.approx(5 * 1e6 * 2 / BANDWIDTH)
    assert predict("merge-linear", merge, PLAIN) is None
