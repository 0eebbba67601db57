"""Rounds ask fresh processes: none that joined a group of processes measures anything else, since its threads would slow that."""

from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler.budget import PROBE_DEATHS, Depth  # noqa: E402
from profiler.measuring import Item, Request, Sample  # noqa: E402
from profiler.partial import PartialProfile  # noqa: E402
from profiler.probes.collectives import GROUPED  # noqa: E402
from profiler.processes import DiedError  # noqa: E402
from profiler.rounds import AHEAD, Rounds  # noqa: E402

ITEMS = [Item(probe=probe, shape={"bytes": size}) for probe in ("all-reduce", "all-gather", "norm", "gate") for size in range(1, 9)]


class Asked:
    """A process that measures nothing and remembers what it was asked; its first collective ends it."""

    started: list["Asked"]

    def __init__(self, device: str, folder: Path, number: int, *, grouped: bool = False) -> None:  # noqa: ARG002
        self.number, self.grouped, self.ready, self.closed = number, grouped, False, False
        self.probes: list[str] = []
        self.started.append(self)

    def wait(self) -> "Asked":
        self.ready = True
        return self

    def ask(self, request: Request) -> Sample:
        assert self.ready
        assert not self.closed
        if not self.probes and self.number == 0:
            assert [process.number for process in self.started[: AHEAD["cpu"]]] == [0, 1]  # before anything is measured
        self.probes.append(request.item.probe)
        if self.grouped and sum(process.grouped for process in self.started) == 1:
            raise DiedError("was ended")
        return Sample(item=request.item, median_s=1.0, calls=1)

    def close(self) -> None:
        self.closed = True


def test_what_joins_a_group_shares_no_process_with_what_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes a round, one of each kind, all closed in the end; one that dies costs its own kind alone an item and a new process."""
    Asked.started = []
    monkeypatch.setattr("profiler.rounds.MeasuringProcess", Asked)
    partial = PartialProfile.open(tmp_path / "here.json", {"device": {}, "depth": [], "shapes": ""}, print)
    rounds = Rounds(ITEMS, (), (), GROUPED, "cpu", Depth("full", 3, 0.01, 600.0, 4.0), partial, None)
    rounds.run(ends_at=float("inf"))
    assert all({probe in GROUPED for probe in process.probes} == {process.grouped} for process in Asked.started)
    assert sorted((process.number, process.grouped) for process in Asked.started) == [
        (0, False), (0, True), (0, True), (1, False), (1, True), (2, False), (2, True),
    ]  # fmt: skip
    assert all(process.closed for process in Asked.started)
    lost = [sample for sample in partial.samples if sample.skipped is not None]
    assert [(sample.process, sample.item.probe in GROUPED, sample.scope) for sample in lost] == [(0, True, "process")]
    assert len(partial.samples) == 3 * len(ITEMS)
    partial.close()


def test_where_no_group_lives_collectives_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two processes that died of them, whichever they were at: each next one would be waited for as long."""

    class Hanging(Asked):
        def ask(self, request: Request) -> Sample:
            if self.grouped:
                raise DiedError("gave no answer in 60 s and was ended")
            return super().ask(request)

    Asked.started = []
    monkeypatch.setattr("profiler.rounds.MeasuringProcess", Hanging)
    partial = PartialProfile.open(tmp_path / "here.json", {"device": {}, "depth": [], "shapes": ""}, print)
    Rounds(ITEMS, (), (), GROUPED, "cpu", Depth("full", 3, 0.01, 600.0, 4.0), partial, None).run(ends_at=float("inf"))
    assert sum(process.grouped for process in Asked.started) == PROBE_DEATHS
    given_up = [sample for sample in partial.samples if sample.item.probe in GROUPED and sample.scope == "probe"]
    assert given_up
    assert all(sample.skipped == "no group of processes lives here" for sample in given_up)
    assert all(sample.skipped is None for sample in partial.samples if sample.item.probe not in GROUPED)
    partial.close()


def test_a_process_that_cannot_start_beside_the_first_is_started_in_its_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU that takes one process at a time."""

    class Exclusive(Asked):
        def wait(self) -> Asked:
            if any(other.ready and not other.closed for other in self.started):
                raise DiedError("found the device busy")
            return super().wait()

    Asked.started = []
    monkeypatch.setattr("profiler.rounds.MeasuringProcess", Exclusive)
    items = [item for item in ITEMS if item.probe not in GROUPED]
    partial = PartialProfile.open(tmp_path / "here.json", {"device": {}, "depth": [], "shapes": ""}, print)
    Rounds(items, (), (), (), "cpu", Depth("full", 3, 0.01, 600.0, 4.0), partial, None).run(ends_at=float("inf"))
    assert [process.number for process in Asked.started] == [0, 1, 1, 2]
    assert all(sample.skipped is None for sample in partial.samples)
    assert len(partial.samples) == 3 * len(items)
    partial.close()


@pytest.mark.parametrize(("told_as", "least"), [("compiling_s", 31), ("shape_compiling_s", 6)])
def test_what_the_first_process_compiles_for_all_is_not_on_its_shapes_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told_as: str, least: int
) -> None:
    """On a clock that only measuring moves: shapes of 1 s, of which the first of each probe, or each, compiles for 15 s, once for all
    processes."""
    clock = {"now": 0.0}

    class Compiling(Asked):
        def ask(self, request: Request) -> Sample:
            new = self.number == 0 and (told_as == "shape_compiling_s" or request.item.probe not in self.probes)
            self.probes.append(request.item.probe)
            clock["now"] += 16.0 if new else 1.0
            sample = Sample(item=request.item, median_s=0.1, calls=1, elapsed_s=16.0 if new else 1.0)
            return sample.model_copy(update={told_as: 15.0 if new else 0.0})

    Asked.started = []
    monkeypatch.setattr("profiler.rounds.MeasuringProcess", Compiling)
    monkeypatch.setattr("profiler.rounds.time", SimpleNamespace(monotonic=lambda: clock["now"]))
    items = [Item(probe=probe, shape={"bytes": size}) for probe in ("norm", "gate") for size in range(1, 100)]
    partial = PartialProfile.open(tmp_path / "here.json", {"device": {}, "depth": [], "shapes": ""}, print)
    Rounds(items, (), (), (), "cpu", Depth("full", 3, 0.01, 160.0, 4.0), partial, None).run(ends_at=160.0)
    counts = [sum(sample.process == number for sample in partial.samples) for number in range(3)]
    partial.close()
    assert clock["now"] <= 160.0
    assert counts[0] == counts[1] == counts[2] >= least  # a third of the time alone would be 23, or 3
