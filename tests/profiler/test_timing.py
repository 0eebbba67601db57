"""Times are of the call and nothing else, and what crawls is refused."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest

torch = pytest.importorskip("torch")

from profiler import timing  # noqa: E402
from profiler.probes import Compiles, Work  # noqa: E402
from tests.profiler.conftest import Clock, Gpu  # noqa: E402

CPU = torch.device("cpu")


def work(call: Callable[[], object], *, warm_up: int = 1, compiles: Compiles = "never", cold: bool = False) -> Work:
    return Work(call, 8.0, 2.0, warm_up, compiles=compiles, cold=cold)


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


def test_a_long_call_on_a_gpu_is_not_made_once_more_to_warm_it(gpu: Gpu) -> None:
    calls: list[int] = []
    found = timing.time_call(work(lambda: (calls.append(1), gpu.queue(5e-6, 2.0)), warm_up=2), torch.device("cuda"), 0.05)
    assert (found.calls, len(calls)) == (1, 3)
