"""Rounds over the shapes, each in one fresh process and in an order of its own, until everything is measured or the time is spent.

Rounds lie minutes apart, so that what a machine does meanwhile shows as a range between processes. Finished samples are kept as they come,
and those kept by an earlier, stopped profile are not measured again. A process that dies loses the item it was at.

Some probes leave something behind that slows whatever is measured after them: those have a process of their own in each round.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from profiler.budget import FIRST_SHARE, PROBE_DEATHS, Depth, FirstRound, first_alone_s, later_round, pace, repeat_s, with_energy
from profiler.energy import WINDOW_S
from profiler.measuring import Item, Request, Sample
from profiler.partial import PartialProfile
from profiler.processes import DiedError, MeasuringProcess
from sim.scenario.errors import InputError

Progress = Callable[[int, int], None]
MOST_DEATHS = 7
"""In a row: the processes then die of something else than the items they measured, of which three families may share one bad kernel."""
AHEAD = {"cpu": 2, "cuda": 3}
"""Processes that load all at once before anything is measured, one a core of the smallest machine, so that a short profile waits for one of
them alone (on two Zen 3 cores each takes 6 to 9 s). More would hold memory that what is measured may need; a GPU's host has cores for
all."""
ENERGY_PROCESS = 1
"""The second: it knows what every shape costs, and what it leaves out others still measure."""
ENERGY_S = WINDOW_S + 0.2
"""What counting a shape's joules takes on a GPU: the window, and the counter's steps before and after it."""


class Rounds:
    """One profile's measuring: `run` it until `ends_at` (of `time.monotonic`)."""

    def __init__(
        self,
        items: Sequence[Item],
        anchors: Iterable[str],
        beside: Iterable[str],
        apart: Iterable[str],
        device: str,
        depth: Depth,
        partial: PartialProfile,
        progress: Progress | None,
    ) -> None:
        """`items` in all; `anchors` are the probes that are never fitted, `beside` those that a quick profile does without, `apart` those
        that share no process with the others.

        `partial` keeps samples, of which `progress` hears the number and how many there will be.
        """
        self._items = {item.key: item for item in items}
        self._anchors, self._beside, self._apart = tuple(anchors), tuple(beside), frozenset(apart)
        self._device = device
        self._depth = depth
        self._partial = partial
        self._progress = progress
        self._processes: dict[bool, MeasuringProcess] = {}
        """Of this round, by whether they are for the probes apart."""
        self._ahead: dict[int, MeasuringProcess] = {}
        """Started for this and a later round, by its number."""
        self._deaths = 0
        self._lost_groups = 0
        self._expected = len(items) * depth.processes

    def run(self, ends_at: float) -> None:
        """Measure. InputError where measuring processes cannot be kept alive, or a sample cannot be kept."""
        self._tell()
        self._ahead = {number: self._start(number) for number in range(min(AHEAD[self._device], self._depth.processes))}
        try:
            for number in list(self._ahead):
                try:
                    self._ahead[number].wait()
                except DiedError:  # perhaps a device that one process at a time may use: it is started again in its round
                    self._ahead.pop(number)
            for number in range(self._depth.processes):
                left_s = max(ends_at - time.monotonic(), 0.0)
                share_s = left_s / (self._depth.processes - number)
                if number == 0:
                    self._first(share_s, left_s * max(FIRST_SHARE - 1 / self._depth.processes, 0.0))
                else:
                    self._later(number, share_s)
                self._close()
        finally:
            self._close()
            while self._ahead:
                self._ahead.popitem()[1].close()
        self._expected = len(self._partial.samples)
        self._tell()

    def _first(self, share_s: float, more_s: float) -> None:
        """The first process finds out what shapes cost; what an earlier one found is taken as seen. `more_s` is for what fits need."""
        choice = FirstRound(list(self._items.values()), self._anchors, share_s, self._beside, more_s)
        for sample in self._of(0):
            choice.saw(sample)
        ends_at = time.monotonic() + share_s
        repeat = repeat_s(self._depth, choice.waiting, share_s)
        while (item := choice.next(left_s := ends_at - time.monotonic())) is not None:
            if (limit_s := choice.most_s(item.probe, left_s)) <= 0:
                break
            sample = self._ask(Request(item=item, repeat_s=repeat, limit_s=limit_s), 0)
            choice.saw(sample)
            ends_at += first_alone_s(sample) * (1 - 1 / self._depth.processes)  # so that all have as many seconds for their shapes
            self._expected = self._depth.processes * (len(self._of(0)) + choice.waiting)
            self._tell()

    def _later(self, number: int, share_s: float) -> None:
        """A later process measures what the first ones could, less what does not fit in its time."""
        ends_at = time.monotonic() + share_s
        cost_s = self._costs(number)
        done = {sample.item.key for sample in self._of(number)}
        measured = [sample.item for sample in self._of(0) if sample.item.key in cost_s]
        counts = self._device == "cuda" and number == ENERGY_PROCESS
        counted = with_energy(measured, self._anchors, self._depth.energy_shapes if counts else 0)
        cost_s |= {key: cost_s[key] + ENERGY_S for key in counted}
        first = [item for item in measured if item.key not in done]
        waiting = later_round(first, cost_s, share_s, number)
        self._expected = len(self._partial.samples) + len(waiting) * (self._depth.processes - number)
        while waiting and (left_s := ends_at - time.monotonic()) > 0:
            item = waiting.pop()
            expected_s = sum(cost_s[one.key] for one in waiting) + cost_s[item.key]
            if cost_s[item.key] > left_s:
                continue
            repeat = self._depth.repeat_s * pace(expected_s, left_s)
            self._ask(Request(item=item, repeat_s=repeat, limit_s=left_s, energy=item.key in counted), number)
            self._tell()

    def _ask(self, request: Request, number: int) -> Sample:
        """One sample, kept; that of an item whose process died says so. A group that lost a member is waited for in vain each time."""
        apart = request.item.probe in self._apart
        if apart and self._lost_groups >= PROBE_DEATHS:
            return self._keep(Sample(item=request.item, skipped="no group of processes lives here", scope="probe"), number)
        if apart not in self._processes:
            waiting = None if apart else self._ahead.pop(number, None)
            self._processes[apart] = waiting or self._wait(self._start(number, apart=apart))
        began = time.monotonic()
        try:
            sample = self._processes[apart].ask(request)
            self._deaths = 0
        except DiedError as error:
            self._processes.pop(apart).close()
            self._deaths += 1
            self._lost_groups += apart
            if self._deaths >= MOST_DEATHS:
                raise InputError.of(f"{self._deaths} measuring processes in a row died; the last one {error}") from None
            why = f"its measuring process {error}"
            sample = Sample(item=request.item, skipped=why, scope="process", elapsed_s=time.monotonic() - began)
        return self._keep(sample, number)

    def _keep(self, sample: Sample, number: int) -> Sample:
        sample = sample.model_copy(update={"process": number})
        self._partial.add(sample)
        return sample

    def _start(self, number: int, *, apart: bool = False) -> MeasuringProcess:
        return MeasuringProcess(self._device, self._partial.folder, number, grouped=apart)

    def _wait(self, process: MeasuringProcess) -> MeasuringProcess:
        try:
            return process.wait()
        except DiedError as error:
            raise InputError.of(f"a measuring process {error}") from None

    def _costs(self, number: int) -> dict[str, float]:
        """Seconds that an item takes, its joules apart: of those that an earlier process could measure, and those that only one died of.

        The fastest earlier process tells, less what it compiled and later ones find on the disk.
        """
        seen: dict[str, list[Sample]] = {}
        for sample in self._partial.samples:
            if sample.process < number and sample.item.key in self._items:
                seen.setdefault(sample.item.key, []).append(sample)
        measured = {key: [one for one in samples if one.skipped is None] for key, samples in seen.items()}
        return {
            key: min(one.elapsed_s - one.energy_s - first_alone_s(one) for one in measured[key] or samples)
            for key, samples in seen.items()
            if measured[key] or [one.scope for one in samples] == ["process"]
        }

    def _of(self, number: int) -> list[Sample]:
        return [sample for sample in self._partial.samples if sample.process == number]

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(len(self._partial.samples), max(self._expected, len(self._partial.samples)))

    def _close(self) -> None:
        for apart in list(self._processes):
            self._processes.pop(apart).close()
