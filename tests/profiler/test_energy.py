"""Energy is what the device's counter says between two of its own steps, or absent; a driver that tells nothing is no error."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler import measuring, nvml  # noqa: E402
from profiler.budget import spread_order, with_energy  # noqa: E402
from profiler.energy import PATIENCE_S, WINDOW_S, power_while  # noqa: E402
from profiler.joining import join  # noqa: E402
from profiler.measuring import Item, Request, Sample, measure  # noqa: E402
from profiler.nvml import Nvml, nvml_here  # noqa: E402
from profiler.probes import all_probes  # noqa: E402

CPU = torch.device("cpu")


class NotSupportedError(Exception):
    pass


class Library:
    """NVML as its Python package shows it, of a GPU that draws `watts`, steps its counter each `period_s`, and lives by its own clock."""

    NVMLError = NotSupportedError
    NVML_CLOCK_SM = 1

    def __init__(self, watts: float = 500.0, period_s: float = 0.1, reasons: int = 0) -> None:
        self.now_s, self._watts, self._period_s, self._reasons = 7.03, watts, period_s, reasons

    def clock(self) -> float:
        return self.now_s

    def run(self, seconds: float) -> None:
        self.now_s += seconds

    def nvmlInit(self) -> None:  # noqa: N802  NVML's own names
        pass

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        return f"device {index}"

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, _: str) -> int:  # noqa: N802
        return int(1e3 * self._watts * self._period_s * (self.now_s // self._period_s))

    def nvmlDeviceGetClockInfo(self, _: str, which: int) -> int:  # noqa: N802
        assert which == self.NVML_CLOCK_SM
        return 1755

    def nvmlDeviceGetCurrentClocksEventReasons(self, _: str) -> int:  # noqa: N802
        return self._reasons


class Silent(Library):
    """A device whose driver supports none of it."""

    def nvmlDeviceGetTotalEnergyConsumption(self, _: str) -> int:  # noqa: N802
        raise NotSupportedError

    def nvmlDeviceGetClockInfo(self, _: str, which: int) -> int:  # noqa: ARG002, N802
        raise NotSupportedError

    def nvmlDeviceGetCurrentClocksEventReasons(self, _: str) -> int:  # noqa: N802
        raise NotSupportedError


@pytest.mark.parametrize("call_s", [1e-3, 0.03, 0.25, 1.5])
@pytest.mark.parametrize("period_s", [0.02, 0.1])
def test_power_is_what_the_counter_gains_in_its_own_steps(call_s: float, period_s: float) -> None:
    """Whatever the counter's period: windows that start and end at a step leave an error of one call at most."""
    library = Library(watts=400.0, period_s=period_s)
    found = power_while(lambda: library.run(call_s), Nvml(library, "gpu").energy_j, library.clock)
    assert found is not None
    assert found == pytest.approx(400.0, rel=(period_s + call_s) / WINDOW_S + 0.02)


def test_a_window_is_well_above_the_counters_period() -> None:
    library = Library(period_s=0.1)
    began = library.now_s
    power_while(lambda: library.run(0.002), Nvml(library, "gpu").energy_j, library.clock)
    assert WINDOW_S <= library.now_s - began <= WINDOW_S + 0.3


def test_a_counter_that_stands_still_or_goes_back_counts_nothing() -> None:
    library = Library(watts=0.0)
    assert power_while(lambda: library.run(0.01), Nvml(library, "gpu").energy_j, library.clock) is None
    assert library.now_s < 8 + PATIENCE_S
    readings = iter([5.0, 6.0, 6.0, 2.0])
    assert power_while(lambda: library.run(0.01), lambda: next(readings), library.clock) is None


def test_what_a_driver_does_not_support_is_absent_and_never_zero() -> None:
    silent = Nvml(Silent(), "gpu")
    assert (silent.energy_j(), silent.clock_hz(), silent.held_back()) == (None, None, [])
    assert power_while(lambda: None, silent.energy_j, Library().clock) is None
    assert Nvml(SimpleNamespace(NVMLError=NotSupportedError), "gpu").energy_j() is None


def test_what_holds_clocks_back_is_named() -> None:
    assert Nvml(Library(reasons=0x01 | 0x04 | 0x40), "gpu").held_back() == ["the power cap", "heat, by the hardware"]
    assert Nvml(Library(), "gpu").clock_hz() == 1.755e9


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A fake NVML under this process's only (fake) CUDA device."""
    library = Library(reasons=0x04)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="0af1"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: library.run(0.01))
    nvml_here.cache_clear()
    yield library
    nvml_here.cache_clear()


@pytest.mark.usefixtures("gpu")
def test_the_device_is_found_by_its_uuid() -> None:
    found = nvml_here()
    assert found is not None
    assert found._handle == "GPU-0af1"
    assert found.clock_hz() == 1.755e9


@pytest.mark.usefixtures("gpu")
def test_without_the_package_or_a_gpu_there_is_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvml_here() is None
    nvml_here.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert nvml_here() is None


@pytest.mark.parametrize("asked", [True, False])
def test_a_measurement_carries_joules_where_they_were_asked_for_and_counted(
    asked: bool, gpu: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Through the measuring process's own function to the joined measurement; what throttled it is a note."""
    monkeypatch.setattr(measuring, "_driver", lambda _: nvml.nvml_here())
    monkeypatch.setattr(measuring, "time", SimpleNamespace(perf_counter=gpu.clock))
    item = Item(probe="matmul-bf16", shape={"m": 16, "n": 16, "k": 16})
    sample = measure(Request(item=item, repeat_s=1e-3, limit_s=60.0, energy=asked), all_probes()["matmul-bf16"], CPU, tmp_path)
    assert sample.note is not None
    assert "held back by the power cap" in sample.note
    assert sample.clock_hz == 1.755e9
    (measured,), notes = join([sample, sample.model_copy(update={"process": 1, "energy_j": None})], all_probes())
    assert any("held back" in note for note in notes)
    if asked:
        assert measured.energy_j == pytest.approx(500.0 * sample.median_s, rel=0.2)
        assert sample.energy_s >= WINDOW_S
    else:
        assert measured.energy_j is None


def test_on_a_cpu_energy_is_absent(tmp_path: Any) -> None:
    item = Item(probe="memory-copy", shape={"bytes": 4096})
    sample = measure(Request(item=item, repeat_s=1e-3, limit_s=60.0, energy=True), all_probes()["memory-copy"], CPU, tmp_path)
    assert sample.energy_j is None
    assert "energy_j" not in sample.model_dump_json(exclude_none=True)


def test_energy_is_counted_over_each_probes_range_of_work() -> None:
    shapes = spread_order([{"bytes": 1 << i} for i in range(10)])
    items = [Item(probe=probe, shape=shape) for shape in shapes for probe in ("a", "b")]
    chosen = with_energy(items, (), 3)
    assert {item.shape["bytes"] for item in items if item.key in chosen and item.probe == "a"} >= {1, 1 << 9}
    assert len(chosen) == 6
    assert with_energy(items, (), 0) == set()
    assert with_energy(items, ("a",), 3) == {key for key in chosen if key.startswith("b")}


def test_a_sample_with_energy_survives_its_line_in_the_log() -> None:
    found = Sample(item=Item(probe="given", shape={"m": 2}), median_s=1e-5, energy_j=2.5)
    assert Sample.model_validate_json(found.model_dump_json(exclude_defaults=True)) == found
