"""A machine that only calls move: its clock, and a GPU that works through a queue beside it, so that a busy machine changes no result."""

import pytest


class Clock:
    """A clock that only calls move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that every time is taken from: timer, limits and elapsed seconds."""
    from profiler import measuring, timing

    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(measuring, "time", clock)
    return clock


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
    import torch

    fake = Gpu(clock)
    monkeypatch.setattr(torch.cuda, "Event", fake.event)
    monkeypatch.setattr(torch.cuda, "synchronize", fake.wait)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    return fake
