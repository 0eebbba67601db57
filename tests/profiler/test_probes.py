"""Every probe is found by being there, measures the same shapes every time, and counts its bytes and flops as the cost model does."""

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from profiler.budget import NEEDED_SHAPES  # noqa: E402
from profiler.fit import LEAST_SHAPES  # noqa: E402
from profiler.measuring import Item, Request, measure  # noqa: E402
from profiler.merging.shards import SINGLE, stored_model  # noqa: E402
from profiler.probes import all_probes, filled_space, random_numbers  # noqa: E402
from profiler.probes.collectives import CROSSINGS  # noqa: E402
from profiler.probes.disk import MIB, cached_share, read_model, write_model  # noqa: E402
from profiler.probes.matmul import fp8_product  # noqa: E402
from sim.cost.datasheets import DATASHEETS, datasheet_calibration  # noqa: E402
from sim.cost.products import FAMILIES  # noqa: E402
from sim.cost.training import training_families  # noqa: E402
from tests.profiler.devices import DEVICES  # noqa: E402

CPU = torch.device("cpu")
PRODUCT = {"m": 32, "n": 48, "k": 16}
ROWS = {"tokens": 16, "width": 64}
HEADS = {"heads": 4, "sequence": 32, "head": 16}
LLAMA = {"layers": 2, "hidden": 32, "intermediate": 64, "heads": 4, "kv_heads": 2, "vocabulary": 64, "sequence": 16, "batch": 2}
STACK = {name: size for name, size in LLAMA.items() if name not in ("sequence", "batch")}
BODY, HEAD = 2 * (2 * 32 * (32 + 16) + 3 * 32 * 64), 32 * 64
"""Weights of two layers, and of the head."""
TINY = {
    **dict.fromkeys(("matmul-fp32", *FAMILIES["bf16"].values(), "matmul-fp16", "matmul-int8"), PRODUCT),
    "matmul-fp8": {"m": 32, "n": 48, "k": 16},
    **dict.fromkeys(("int8-linear", "int8-grad-input", "int8-grad-weight"), PRODUCT),
    **dict.fromkeys((f"{one}{of}" for one in ("norm", "gate", "rotary", "loss") for of in ("", "-training")), ROWS),
    "elementwise": ROWS,
    "attention": HEADS,
    "attention-training": HEADS,
    "adamw": {"parameters": 8000},
    "prefill": STACK | {"batch": 2, "sequence": 8},
    "decode": STACK | {"batch": 3, "context": 8},
    "memory-copy": {"bytes": 4096},
    "disk-read": {"bytes": MIB},
    "disk-write": {"bytes": MIB},
    "disk-both": {"bytes": MIB},
    "merge-linear": {"experts": 3, "parameters": 1000},
    "merge-slerp": {"experts": 2, "parameters": 1000},
    "merge-task-arithmetic": {"experts": 3, "parameters": 1000},
    "merge-ties": {"experts": 3, "parameters": 1000},
    "merge-dare-ties": {"experts": 3, "parameters": 1000},
    "streamed-linear": {"experts": 2, "parameters": 1000},
    "streamed-ties": {"experts": 2, "parameters": 1000},
    "mlp-step": {"batch": 8, "inputs": 16, "hidden": 32, "outputs": 16},
    "transformer-step": LLAMA,
    "transformer-step-int8": LLAMA | {"hidden": 64},  # INT8 on a GPU takes no product of 16 rows
}
ELEMENTS, WIDENED = 32 * 16 + 16 * 48, 32 * 48
COUNTED = {
    "streamed-linear": (3 * 1000 * 2, 2 * 2 * 1000),
    "streamed-ties": (4 * 1000 * 2, 2 * 2 * 1000),
    "matmul-fp32": (4 * (ELEMENTS + WIDENED), 2 * 32 * 48 * 16),
    **dict.fromkeys(FAMILIES["bf16"].values(), (2 * (ELEMENTS + WIDENED), 2 * 32 * 48 * 16)),
    "matmul-fp16": (2 * (ELEMENTS + WIDENED), 2 * 32 * 48 * 16),
    "matmul-fp8": (ELEMENTS + 2 * WIDENED, 2 * 32 * 48 * 16),
    "matmul-int8": (ELEMENTS + 4 * WIDENED, 2 * 32 * 48 * 16),
    "int8-linear": (2 * (ELEMENTS + WIDENED), 2 * 32 * 48 * 16),
    "int8-grad-input": (2 * (ELEMENTS + WIDENED), 2 * 32 * 48 * 16),
    "int8-grad-weight": (2 * (ELEMENTS + WIDENED), 2 * 32 * 48 * 16),
    "norm": (2 * 2 * 16 * 64, 0),
    "norm-training": (2 * 5 * 16 * 64, 0),
    "gate": (2 * 3 * 16 * 64, 0),
    "gate-training": (2 * 8 * 16 * 64, 0),
    "rotary": (2 * 2 * 16 * 64, 0),
    "rotary-training": (2 * 4 * 16 * 64, 0),
    "loss": ((2 + 4) * 16 * 64, 0),
    "loss-training": ((2 + 2 + 8) * 16 * 64, 0),
    "elementwise": (2 * 3 * 16 * 64, 0),
    "attention": (2 * 4 * 4 * 32 * 16, 2 * 4 * 32 * 32 * 16),
    "attention-training": (2 * 12 * 4 * 32 * 16, 7 * 4 * 32 * 32 * 16),
    "adamw": (28 * 8000, 0),
    # A key and a value of 16 for each position, layer and sequence, in bf16; causal attention is two products, half masked.
    "prefill": (2 * (BODY + HEAD) + 2 * 2 * 2 * 16 * 16, 2 * (BODY * 16 + HEAD * 2) + 2 * 2 * 32 * 8 * 16),
    "decode": (2 * (BODY + HEAD) + 2 * 2 * 2 * 16 * 24, 2 * (BODY + HEAD) * 3 + 4 * 2 * 32 * 24),
    "memory-copy": (2 * 4096, 0),
    "disk-read": (MIB, 0),
    "disk-write": (MIB, 0),
    "disk-both": (2 * MIB, 0),
    "merge-linear": (4 * 1000 * 2, 2 * 3 * 1000),
    "merge-slerp": (5 * 1000 * 2, 2 * 2 * 1000),
    "merge-task-arithmetic": (5 * 1000 * 2, 2 * 3 * 1000),
    "merge-ties": (5 * 1000 * 2, 2 * 3 * 1000),
    "merge-dare-ties": (5 * 1000 * 2, 2 * 3 * 1000),
}
"""Bytes and operations that each of TINY's shapes counts."""


def test_discovery_finds_every_probe_by_its_name() -> None:
    probes = all_probes()
    assert set(TINY) <= set(probes)
    for name, probe in probes.items():
        assert probe.name == name
        assert len(probe.measures) > 10
        assert probe.anchor == ("-step" in name or name.startswith("streamed-"))


def test_the_profiler_measures_every_family_that_a_datasheet_states() -> None:
    """Holds the contract between the rooms: whatever the cost model can ask of a datasheet, a profile can answer."""
    stated = set(datasheet_calibration(DATASHEETS["h100-sxm"]).fits)
    assert stated <= {probe.family for probe in all_probes().values() if not probe.anchor}


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_shapes_are_distinct_reproducible_and_enough_to_fit(kind: str, quick: bool) -> None:
    device = torch.device(kind)
    for name, probe in all_probes().items():
        shapes = probe.shapes(device, quick=quick)
        assert shapes == probe.shapes(device, quick=quick)
        assert len({tuple(shape.items()) for shape in shapes}) == len(shapes)
        if shapes and not probe.anchor:
            assert len(shapes) >= (NEEDED_SHAPES if set(shapes[0]) & {"m", "heads", "hidden"} else LEAST_SHAPES + 1), name
        if probe.anchor:
            assert shapes == sorted(shapes, key=lambda shape: sum(probe.counts(shape))), name
        assert all(sum(probe.counts(shape)) > 0 for shape in shapes)
        if not quick:
            assert shapes or kind == ("cpu" if name.startswith("host-copy") else "cuda" if name in CROSSINGS else ""), name


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_a_quick_profile_measures_all_that_training_costs_rest_on(kind: str) -> None:
    """What it leaves to a full one the cost model can do without: forward passes alone, other dtypes, torchao's layer, other copies."""
    device = torch.device(kind)
    quick = {probe.family for probe in all_probes().values() if probe.shapes(device, quick=True)}
    bare = datasheet_calibration(DATASHEETS["h100-sxm"])
    measured = bare.model_copy(update={"fits": bare.fits | dict.fromkeys(quick, bare.fit("memory-copy"))})
    for precision in ("fp32", "bf16", "int8-mixed"):
        families = training_families(measured, precision)
        assert set(families) <= quick
        assert ("attention-training" in families) == (precision != "fp32")
        assert {"adamw", "norm-training", "gate-training", "rotary-training", "loss-training", "elementwise"} <= set(families)


def test_int8_shapes_suit_what_a_gpu_requires() -> None:
    for shape in all_probes()["matmul-int8"].shapes(torch.device("cuda"), quick=False):
        assert shape["m"] > 16
        assert shape["n"] % 8 == shape["k"] % 8 == 0


def test_the_space_is_filled_evenly_on_a_logarithmic_scale() -> None:
    points = filled_space(256, 32, 8192, 16)
    for axis in zip(*points, strict=True):
        below = sum(size < math.sqrt(32 * 8192) for size in axis) / len(axis)
        assert 0.4 < below < 0.6
        assert all(32 <= size <= 8192 and size % 16 == 0 for size in axis)


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("name", sorted(TINY))
def test_a_probe_prepares_work_that_runs_and_counts_it(name: str, device: torch.device, tmp_path: Path) -> None:
    work = all_probes()[name].prepare(TINY[name], device, tmp_path)
    work.call()
    work.call()
    assert (work.bytes, work.flops) == all_probes()[name].counts(TINY[name])
    if name in COUNTED:
        assert (work.bytes, work.flops) == COUNTED[name]
    else:
        assert work.flops > 0
        assert work.warm_up + (work.compiles != "never") > 1


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("name", ["adamw", "host-copy", "int8-linear", "matmul-bf16", "merge-linear", "norm-training"])
def test_the_smallest_shape_is_measured(name: str, device: torch.device, tmp_path: Path) -> None:
    """Through warming up, flushing and timing, on each device as it is done there."""
    probe = all_probes()[name]
    shapes = probe.shapes(device, quick=False)
    assert shapes or (name, device.type) == ("host-copy", "cpu")
    for shape in sorted(shapes, key=lambda one: sum(probe.counts(one)))[:1]:
        found = measure(Request(item=Item(probe=name, shape=shape), repeat_s=0.001, limit_s=60.0), probe, device, tmp_path)
        assert found.skipped is None
        assert 0 < found.p5_s <= found.median_s <= found.p95_s
        assert (found.peak_memory_bytes is not None) == (device.type == "cuda") == (found.flush_s is None)


def test_what_a_device_has_not_is_skipped_with_the_reason(tmp_path: Path) -> None:
    request = Request(item=Item(probe="matmul-tf32", shape=PRODUCT), repeat_s=0.001, limit_s=60.0)
    sample = measure(request, all_probes()["matmul-tf32"], CPU, tmp_path)
    assert sample.scope == "probe"
    assert sample.skipped is not None
    assert "TF32 is a format of NVIDIA's tensor cores" in sample.skipped


def test_an_fp8_product_is_that_of_its_rounded_operands() -> None:
    left, right = (torch.randn(size).to(torch.float8_e4m3fn) for size in ((32, 16), (48, 16)))
    out = torch.empty(32, 48, dtype=torch.bfloat16)
    fp8_product(left, right.t(), out=out)
    assert torch.allclose(out.float(), left.float() @ right.float().t(), rtol=0.01, atol=0.02)


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("name", sorted(name for name in TINY if "-step" in name))
def test_a_training_step_learns(name: str, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that did not reach the weights would be measured too fast."""
    torch.manual_seed(0)
    losses: list[float] = []
    name_of_loss = "mse_loss" if name == "mlp-step" else "cross_entropy"
    functional = torch.nn.functional
    original = getattr(functional, name_of_loss)

    def recorded(*arguments: object) -> object:
        loss = original(*arguments)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(functional, name_of_loss, recorded)
    work = all_probes()[name].prepare(TINY[name], device, tmp_path)
    for _ in range(150):
        work.call()
    assert losses[-1] < 0.97 * losses[0]


def test_random_numbers_are_random_and_as_many_as_asked() -> None:
    numbers = random_numbers((1 << 20) + 5, torch.bfloat16, CPU)
    assert numbers.numel() == (1 << 20) + 5
    assert float(numbers.float().std()) == pytest.approx(1.0, abs=0.02)
    assert torch.equal(numbers[1 << 20 :], numbers[:5])


def test_files_are_safetensors_written_and_read_whole(tmp_path: Path) -> None:
    """The library that everybody reads them with finds the block, repeated and cut; what is read is every byte of it."""
    block, size = bytes(range(256)) * 100, 3 * MIB + 17
    path = tmp_path / SINGLE
    write_model(path, memoryview(block), size)
    assert load_file(path)["weight"].numpy().tobytes() == (block * (size // len(block) + 1))[:size]
    assert read_model(stored_model(tmp_path), memoryview(bytearray(MIB))) == path.stat().st_size >= size


def test_pages_that_stay_cached_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_model(path, memoryview(bytes(MIB)), 4 * MIB)
    path.read_bytes()
    monkeypatch.setattr("profiler.probes.disk.drop_cache", lambda _: None)
    share = cached_share(path)
    if share is None:
        pytest.skip("this file system does not tell")
    assert share == 1.0
    monkeypatch.setattr("profiler.probes.disk.cached_share", lambda _: share)
    note = all_probes()["disk-read"].prepare({"bytes": MIB}, CPU, tmp_path).note
    assert note is not None
    assert "page cache kept" in note
