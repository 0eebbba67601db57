"""Times are of the call and nothing else; what fails or crawls is skipped with the reason; what does not fit in memory is halved."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import pytest

torch = pytest.importorskip("torch")

from profiler import measuring, timing  # noqa: E402
from profiler.measuring import Item, Request, Sample, measure, while_running  # noqa: E402
from profiler.probes import Compiles, Shape, Work, all_probes, smaller  # noqa: E402

CPU = torch.device("cpu")


def asked(name: str, shape: Shape, *, limit_s: float = 60.0) -> Request:
    return Request(item=Item(probe=name, shape=shape), repeat_s=0.001, limit_s=limit_s)


def work(call: Callable[[], object], *, warm_up: int = 1, compiles: Compiles = "never", cold: bool = False) -> Work:
    return Work(call, 8.0, 2.0, warm_up, compiles=compiles, cold=cold)


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


class Clock:
    """A clock that only calls move, so that a busy machine changes no result."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that every time is taken from: timer, limits and elapsed seconds."""
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(measuring, "time", clock)
    return clock


def test_a_timing_is_the_calls_own_seconds(clock: Clock) -> None:
    found = timing.time_call(work(lambda: clock.sleep(0.004)), CPU, 0.05)
    assert (found.p5_s, found.median_s, found.p95_s) == pytest.approx((0.004, 0.004, 0.004))
    assert 0.05 <= found.calls * 0.004 <= 0.1


def test_the_real_clock_runs() -> None:
    """A call is never timed as faster than it is; how much slower depends on what else runs."""
    assert timing.time_call(work(lambda: time.sleep(0.004)), CPU, 0.02).p5_s >= 0.004


def test_a_cold_call_is_timed_without_the_flush_before_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushes count neither as the call's time nor without end: fast calls get fewer samples."""
    done: list[str] = []

    def flush() -> None:
        done.append("flush")
        clock.sleep(0.002)

    def call() -> None:
        done.append("call")
        clock.sleep(0.0001)

    def product() -> None:
        done.append("product")
        clock.sleep(0.0003)

    monkeypatch.setattr(timing, "flush_on", lambda _: flush)
    monkeypatch.setattr(timing, "yardstick", lambda: product)
    found = timing.time_call(work(call, cold=True), CPU, 0.04)
    assert (found.p5_s, found.p95_s) == pytest.approx((0.0001, 0.0001))
    before = [*["product"] * (timing.PRODUCTS + 1), *["flush"] * timing.FLUSHES]
    assert done == ["call", "call", *[*before, "call"] * found.calls]
    each_s = (timing.PRODUCTS + 1) * 0.0003 + timing.FLUSHES * 0.002 + 0.0001
    assert found.calls == pytest.approx(timing.PATIENCE * 0.04 / each_s, abs=1)
    assert (found.flush_s, found.product_s) == pytest.approx((0.002, 0.0003))


@pytest.mark.parametrize(("flush_s", "flushes"), [(0.002, timing.FLUSHES), (0.028, 1)])
def test_a_large_cache_is_flushed_once(clock: Clock, monkeypatch: pytest.MonkeyPatch, flush_s: float, flushes: int) -> None:
    """A long flush tells memory's speed alone, and more of them would take the time of other shapes."""
    monkeypatch.setattr(timing, "yardstick", lambda: lambda: clock.sleep(0.0003))
    found_s, _ = timing.yardsticks_s(lambda: clock.sleep(flush_s))
    assert found_s == pytest.approx([flush_s] * flushes)


def test_a_slow_call_is_still_timed_several_times(clock: Clock) -> None:
    assert timing.time_call(work(lambda: clock.sleep(0.1)), CPU, 0.001).calls >= timing.LEAST_CALLS


def test_a_call_of_seconds_is_warmed_up_and_timed_once(clock: Clock) -> None:
    """On a slow device a whole step would take the time of a hundred shapes otherwise."""
    calls: list[int] = []

    def step() -> None:
        calls.append(1)
        clock.sleep(2.0)

    assert timing.time_call(work(step, warm_up=2), CPU, 0.05, limit_s=6.0).calls == 1
    assert len(calls) == 3


def test_a_first_call_of_seconds_is_not_believed(clock: Clock) -> None:
    """It may have waited for memory: what is short from the second one on is timed as any short call is."""
    calls: list[int] = []

    def slow_once() -> None:
        calls.append(1)
        clock.sleep(1.2 if len(calls) == 1 else 0.06)

    found = timing.time_call(work(slow_once), CPU, 0.05)
    assert found.calls >= timing.LEAST_CALLS
    assert found.p95_s == pytest.approx(0.06)


def test_one_slow_call_does_not_stand_for_several(clock: Clock) -> None:
    calls: list[int] = []

    def slow_later() -> None:
        calls.append(1)
        clock.sleep(0.01 if len(calls) == 1 else 5.0)

    assert timing.time_call(work(slow_later), CPU, 0.001).calls >= timing.LEAST_CALLS


def test_every_warm_up_goes_before_the_timing(clock: Clock) -> None:
    calls: list[int] = []

    def slow_at_first() -> None:
        calls.append(1)
        clock.sleep(0.05 if len(calls) <= 3 else 0.001)

    assert timing.time_call(work(slow_at_first, warm_up=3), CPU, 0.02).p95_s == pytest.approx(0.001)


def test_a_call_is_warm_once_the_process_needs_no_more_memory_for_it(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many calls that takes, up to a few: only the last two here are given none."""
    pages, calls = [0], [0]

    def grows_for_four() -> None:
        calls[0] += 1
        if calls[0] <= 4:
            pages[0] += 5000
            clock.sleep(0.01)
        clock.sleep(0.001)

    monkeypatch.setattr(timing, "_pages_given", lambda: pages[0])
    assert timing.time_call(work(grows_for_four), CPU, 0.005).p95_s == pytest.approx(0.001)
    monkeypatch.setattr(timing, "_pages_given", lambda: calls[0] * 5000)
    calls[0] = 4
    timing.settle(grows_for_four)
    assert calls[0] == 4 + timing.MOST_SETTLING


def test_what_maps_its_own_memory_is_not_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(timing, "_pages_given", lambda: len(calls) * 5000)
    found = timing.time_call(replace(work(lambda: (calls.append(1), clock.sleep(0.1))), settles=False), CPU, 0.001)
    assert len(calls) == 1 + found.calls


@pytest.mark.parametrize(("share", "given_back"), [(1.0, 0), (0.0, 1)])
def test_a_process_keeps_memory_for_its_next_shape_while_it_is_not_much(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, share: float, given_back: int
) -> None:
    given: list[int] = []
    monkeypatch.setattr(measuring, "KEPT_SHARE", share)
    monkeypatch.setattr(measuring, "give_back", lambda: given.append(1))
    assert measure(asked("given", {"m": 2}), Probe(lambda _: clock.sleep(0.01)), CPU, tmp_path).skipped is None
    assert len(given) == given_back


def test_what_crawls_is_refused_after_a_call(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ABSURD_S", 0.01)
    with pytest.raises(timing.TooSlowError, match="one call took"):
        timing.time_call(work(lambda: clock.sleep(0.02)), CPU, 0.01)


def test_what_a_compiler_takes_is_nobodys_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled call may compile longer than any call may take, and is judged by the calls after."""
    monkeypatch.setattr(timing, "ABSURD_S", 0.02)
    given: Work
    for compiles in get_args(Compiles):
        calls: list[int] = []

        def compiled_first(calls: list[int] = calls) -> None:
            calls.append(1)
            clock.sleep(0.05 if len(calls) == 1 else 0.001)

        given = work(compiled_first, compiles=compiles)
        if compiles != "never":
            assert timing.time_call(given, CPU, 0.01).p95_s == pytest.approx(0.001)
        else:
            with pytest.raises(timing.TooSlowError):
                timing.time_call(given, CPU, 0.01)


def test_compiling_for_one_shape_counts_as_that_shapes_time(clock: Clock, tmp_path: Path) -> None:
    """What the next shapes are spared is told apart; what each of them takes again is part of its price."""
    for compiles, told_apart in (("once", 0.05), ("each", 0.0)):
        found = measure(asked("given", {"m": 2}), Probe(lambda _: clock.sleep(0.05), compiles=compiles), CPU, tmp_path)  # type: ignore[arg-type]
        assert found.compiling_s == pytest.approx(told_apart)
        assert found.elapsed_s > 0.1


class Gpu:
    """A GPU that works through a queue while the host goes on, on the host's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self.free_s = clock, 0.0

    def queue(self, launch_s: float, kernel_s: float) -> None:
        """A kernel that takes the host so long to launch."""
        self._clock.sleep(launch_s)
        self.free_s = max(self.free_s, self._clock.now_s) + kernel_s

    def wait(self) -> None:
        self._clock.now_s = max(self._clock.now_s, self.free_s)

    def event(self, *, enable_timing: bool) -> "Event":
        assert enable_timing
        return Event(self, self._clock)


class Event:
    def __init__(self, gpu: Gpu, clock: Clock) -> None:
        self._gpu, self._clock, self.at_s = gpu, clock, 0.0

    def record(self) -> None:
        self.at_s = max(self._gpu.free_s, self._clock.now_s)

    def synchronize(self) -> None:
        self._clock.now_s = max(self._clock.now_s, self.at_s)

    def elapsed_time(self, end: "Event") -> float:
        return (end.at_s - self.at_s) * 1e3


@pytest.fixture
def gpu(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """The one that torch knows."""
    fake = Gpu(clock)
    monkeypatch.setattr(torch.cuda, "Event", fake.event)
    monkeypatch.setattr(torch.cuda, "synchronize", fake.wait)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    return fake


@pytest.mark.parametrize(("kernels", "launch_s"), [(1, 5e-6), (20, 5e-6), (20, 3e-5)])
def test_many_short_kernels_are_timed_by_their_work_and_not_by_their_launches(
    kernels: int, launch_s: float, gpu: Gpu, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU that is done with one flush before the host queued the last kernel would be timed waiting for it."""
    monkeypatch.setattr(timing, "flush_on", lambda _: lambda: gpu.queue(5e-6, 9e-5))

    loaded: list[int] = []

    def call() -> None:
        clock.sleep(0.0 if loaded else 0.04)  # the first call loads what it needs
        loaded.append(1)
        for _ in range(kernels):
            gpu.queue(launch_s, 2e-6)

    found = timing.time_call(work(call, cold=True), torch.device("cuda"), 0.001)
    assert found.median_s == pytest.approx(kernels * 2e-6)
    launched = timing.time_call(work(call), torch.device("cuda"), 0.001)
    assert launched.median_s == pytest.approx(kernels * launch_s)


def test_steps_in_a_row_are_timed_as_a_training_takes_them(gpu: Gpu) -> None:
    """The host queues the next step while one runs: only a step that is queued more slowly than it runs takes the time of its launches."""

    def step() -> None:
        for _ in range(10):
            gpu.queue(1e-4, 2e-4)

    found = timing.time_call(work(step), torch.device("cuda"), 0.02)
    assert found.median_s == pytest.approx(10 * 2e-4)
    assert found.calls == 10


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


def test_a_long_call_on_a_gpu_is_not_made_once_more_to_warm_it(gpu: Gpu) -> None:
    calls: list[int] = []
    found = timing.time_call(work(lambda: (calls.append(1), gpu.queue(5e-6, 2.0)), warm_up=2), torch.device("cuda"), 0.05)
    assert (found.calls, len(calls)) == (1, 3)


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
