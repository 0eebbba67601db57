"""What fails or crawls is skipped with the reason; what does not fit in memory is halved."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from profiler import measuring, timing  # noqa: E402
from profiler.measuring import Item, Request, Sample, measure, while_running  # noqa: E402
from profiler.probes import Compiles, Shape, Work, all_probes, smaller  # noqa: E402
from tests.profiler.conftest import Clock, Gpu  # noqa: E402

CPU = torch.device("cpu")


def asked(name: str, shape: Shape, *, limit_s: float = 60.0) -> Request:
    return Request(item=Item(probe=name, shape=shape), repeat_s=0.001, limit_s=limit_s)


@dataclass
class Probe:
    """A probe whose call is given."""

    call: Callable[[Shape], object]
    name: str = "given"
    family: str = "given"
    dtype: str = "bf16"
    measures: str = "what a test gives it"
    anchor: bool = False
    compiles: Compiles = "never"
    prepared: list[Shape] = field(default_factory=list)

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:  # noqa: ARG002
        return []

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        self.prepared.append(shape)
        return Work(lambda: self.call(shape), 8.0, 2.0, compiles=self.compiles, cold=False)


@pytest.mark.parametrize(("share", "given_back"), [(1.0, 0), (0.0, 1)])
def test_a_process_keeps_memory_for_its_next_shape_while_it_is_not_much(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: float, given_back: int
) -> None:
    given: list[int] = []
    monkeypatch.setattr(measuring, "KEPT_SHARE", share)
    monkeypatch.setattr(measuring, "give_back", lambda: given.append(1))
    assert measure(asked("given", {"m": 2}), Probe(lambda _: clock.sleep(0.01)), CPU, tmp_path).skipped is None
    assert len(given) == given_back


def test_compiling_for_one_shape_counts_as_that_shapes_time(clock: Clock, tmp_path: Path) -> None:
    """What the next shapes are spared is told apart from what each of them takes again; the next process is spared both."""
    for compiles, told_apart in (("once", 0.05), ("each", 0.0)):
        found = measure(asked("given", {"m": 2}), Probe(lambda _: clock.sleep(0.05), compiles=compiles), CPU, tmp_path)  # type: ignore[arg-type]
        assert (found.compiling_s, found.shape_compiling_s) == pytest.approx((told_apart, 0.05 - told_apart))
        assert found.elapsed_s > 0.1


@pytest.mark.parametrize(("call_s", "calls"), [(1e-6, 200), (1e-3, 20), (3.0, 1)])
def test_a_gpus_clock_is_asked_for_while_it_works(gpu: Gpu, clock: Clock, call_s: float, calls: int) -> None:
    """Right after, it would be that of an idle one."""
    left: list[float] = []

    class Driver:
        def clock_hz(self) -> float:
            left.append(gpu.free_s - clock.now_s)
            return 1.98e9

        def held_back(self) -> list[str]:
            return ["heat"]

    queued: list[int] = []
    told = while_running(lambda: (queued.append(1), gpu.queue(1e-7, call_s)), call_s, Driver())
    assert told == (1.98e9, ["heat"])
    assert len(queued) == calls
    assert left[0] > 0
    assert clock.now_s >= gpu.free_s


def test_what_would_take_more_than_its_time_is_refused_after_one_call(clock: Clock, tmp_path: Path) -> None:
    calls: list[Shape] = []
    probe = Probe(lambda shape: (calls.append(shape), clock.sleep(0.05)))
    found = measure(asked("given", {"m": 2}, limit_s=0.15), probe, CPU, tmp_path)
    assert (found.scope, len(calls)) == ("larger", 1)
    assert found.skipped is not None
    assert "share of the profile's time" in found.skipped
    assert found.elapsed_s == pytest.approx(0.05)


def test_an_operation_that_raises_is_skipped_with_the_reason(tmp_path: Path) -> None:
    for error in (RuntimeError, AssertionError, TypeError):

        def raises(_: Shape, error: type[Exception] = error) -> None:
            raise error("no kernel for this\nstack of it")

        found = measure(asked("given", {"m": 2}), Probe(raises), CPU, tmp_path)
        assert (found.skipped, found.scope, found.median_s) == (f"{error.__name__}: no kernel for this", "probe", 0.0)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 90.00 GiB"),
        MemoryError(),
    ],
)
def test_a_shape_that_does_not_fit_in_memory_is_halved_until_it_does(error: Exception, tmp_path: Path) -> None:
    def fits_300(shape: Shape) -> None:
        if shape["m"] * shape["n"] > 300:
            raise error

    probe = Probe(fits_300)
    found = measure(asked("given", {"m": 64, "n": 20}), probe, CPU, tmp_path)
    assert probe.prepared == [{"m": 64, "n": 20}, {"m": 32, "n": 20}, {"m": 16, "n": 20}, {"m": 16, "n": 10}][: len(probe.prepared)]
    assert found.skipped is None
    assert found.measured == {"m": 16, "n": 10}
    assert found.item.shape == {"m": 64, "n": 20}
    assert found.median_s > 0


def test_a_shape_of_which_no_half_fits_is_skipped_alone(tmp_path: Path) -> None:
    def never(_: Shape) -> None:
        raise MemoryError

    found = measure(asked("given", {"m": 64}), Probe(never), CPU, tmp_path)
    assert found.skipped == "does not fit in memory, and neither does any smaller shape"
    assert (found.scope, found.measured) == ("shape", None)


def test_halves_keep_what_kernels_want() -> None:
    assert smaller({"m": 48, "n": 16}) == {"m": 16, "n": 16}
    assert smaller({"m": 16, "n": 16}) is None
    assert smaller({"experts": 3, "parameters": 7}) == {"experts": 3, "parameters": 3}
    assert smaller({"experts": 1}) is None


def test_files_of_the_disk_probes_are_gone_after_each_shape(tmp_path: Path) -> None:
    for name in ("disk-read", "disk-write", "disk-both"):
        found = measure(asked(name, {"bytes": 1 << 16}), all_probes()[name], CPU, tmp_path)
        assert found.skipped is None
        assert found.calls >= timing.LEAST_CALLS
        assert list(tmp_path.iterdir()) == []


def test_a_sample_survives_its_line_in_the_log() -> None:
    found = Sample(item=Item(probe="given", shape={"m": 2}), process=2, median_s=1e-5, calls=9, measured={"m": 1}, note="doubt")
    assert Sample.model_validate_json(found.model_dump_json(exclude_defaults=True)) == found
