"""A device is known by the name that scenarios use, and a fact that nobody tells is absent."""

from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler import device  # noqa: E402
from profiler.device import Moment, choose, describe, driver_facts, state_notes  # noqa: E402
from sim.scenario.errors import InputError  # noqa: E402

CPU = torch.device("cpu")


def gpu(monkeypatch: pytest.MonkeyPatch, name: str, driver: str = "") -> device.Device:
    facts = SimpleNamespace(name=name, total_memory=85 * 10**9, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: facts)
    monkeypatch.setattr(device, "_nvidia_smi", lambda: driver)
    return describe(torch.device("cuda"))[0]


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "nvidia-geforce-rtx-4090-laptop-gpu"),
        ("NVIDIA B200", "b200-sxm"),
        ("AMD Instinct MI300X OAM", "mi300x"),
        ("NVIDIA H100 PCIe", "nvidia-h100-pcie"),
        ("NVIDIA L4", "nvidia-l4"),
    ],
)
def test_a_gpu_has_the_name_used_in_scenarios_or_its_own(monkeypatch: pytest.MonkeyPatch, name: str, known_as: str) -> None:
    found = gpu(monkeypatch, name)
    assert (found.id, found.name, found.kind) == (known_as, name, "gpu")


def test_facts_that_nobody_tells_are_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = gpu(monkeypatch, "NVIDIA L4")
    assert (silent.driver, silent.clock_hz, silent.power_limit_w, silent.ecc) == (None, None, None, None)
    half = gpu(monkeypatch, "NVIDIA L4", "550.54, 2040, [N/A], [Not Supported]\n")
    assert (half.driver, half.clock_hz, half.power_limit_w, half.ecc) == ("550.54", 2.04e9, None, None)


def test_the_driver_tells_clock_power_and_ecc(monkeypatch: pytest.MonkeyPatch) -> None:
    told = gpu(monkeypatch, "NVIDIA H100 80GB HBM3", "550.54, 1980, 700.00, Enabled\n")
    assert (told.driver, told.clock_hz, told.power_limit_w, told.ecc) == ("550.54", 1.98e9, 700.0, True)
    assert driver_facts("") == {}


def info_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, vectors: str = "AVX512") -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(device, "CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(device.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: vectors)


@pytest.mark.parametrize(("vectors", "known_as"), [("AVX2", "amd-epyc-f25-avx2-2c"), ("DEFAULT", "amd-epyc-f25-2c")])
def test_this_cpu_is_named_by_make_vectors_and_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vectors: str, known_as: str) -> None:
    """Two machines that call themselves alike are two devices where torch's kernels use other instructions on them."""
    info_of(monkeypatch, tmp_path, "cpu family\t: 25\nmodel name\t: AMD EPYC 7763 64-Core Processor\n\n" * 2, vectors)
    found, software = describe(CPU)
    assert (found.id, found.name) == (known_as, "AMD EPYC 7763 64-Core Processor, 2 cores")
    assert (found.cores, found.compute_capability) == (2, vectors)
    assert found.memory_bytes > 2**28
    assert found.clock_hz is None or found.clock_hz > 0
    assert software.torch == torch.__version__


def test_a_cpu_whose_model_is_hidden_is_told_apart_by_its_family(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Zen 4 and Zen 5 have the same instructions."""
    first = "vendor_id\t: AuthenticAMD\nprocessor\t: 0\ncpu family\t: 26\nmodel\t: 2\nmodel name\t: AMD EPYC\n"
    info_of(monkeypatch, tmp_path, f"{first}\nprocessor\t: 1\ncpu family\t: 7\nmodel name\t: other\n")
    found, _ = describe(CPU)
    assert (found.id, found.name) == ("amd-epyc-f26-avx512-2c", "AMD EPYC (family 26), 2 cores")


def test_an_intel_cpu_is_told_apart_by_its_model_and_by_its_matrix_unit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every Xeon of twenty years is of family 6; a virtual machine can withhold AMX, by which bf16 is eight times as fast."""
    facts = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: Intel(R) Xeon(R) Processor\nflags\t\t: fpu avx512f"
    info_of(monkeypatch, tmp_path, f"{facts} amx_bf16 amx_tile amx_int8\n")
    found, _ = describe(CPU)
    assert (found.id, found.name) == ("intel-xeon-m207-avx512-amx-2c", "Intel(R) Xeon(R) Processor (model 207), 2 cores")
    assert (found.vendor, found.compute_capability) == ("Intel", "AVX512+AMX")
    info_of(monkeypatch, tmp_path, f"{facts}\n")
    assert describe(CPU)[0].id == "intel-xeon-m207-avx512-2c"


def test_a_system_that_tells_no_generation_is_known_by_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info_of(monkeypatch, tmp_path, "model name\t: Neoverse\n")
    assert describe(CPU)[0].id == "neoverse-avx512-2c"
    assert device.cpu_facts(tmp_path / "absent") == {}


def test_asking_for_cuda_where_there_is_none_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device cpu"):
        choose("cuda")
    assert choose("auto") == choose("cpu") == CPU


def test_what_disturbed_a_measurement_is_told_only_if_it_did() -> None:
    before = Moment(load=0.5, busy_and_idle_s=100.0, stolen_s=1.0)
    quiet = state_notes(CPU, before, Moment(load=2.25, busy_and_idle_s=200.0, stolen_s=1.0))
    assert any("0.50 before and 2.25 after" in note for note in quiet)
    assert not any("stolen" in note for note in quiet)
    assert any(note.startswith("5.0 %") for note in state_notes(CPU, before, Moment(0.5, 200.0, 6.0)))
