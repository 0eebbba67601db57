"""Samples of several processes joined into measurements, and notes on what is missing, replaced, or in doubt."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from profiler.budget import Depth
from profiler.measuring import Item, Sample
from profiler.probes import Probe
from profiler.speeds import Where, slowdowns
from sim.cost.calibration import Measurement

DISTURBED = 3.0
"""A quiet machine stays under this at the 95 % shape (measured: 1.7 to 2.1 on a shared one left alone, 93 beside another's tests)."""


def join(samples: Sequence[Sample], probes: Mapping[str, Probe]) -> tuple[list[Measurement], list[str]]:
    """Measurements by probe and shape, and notes on what was skipped or is in doubt.

    A measurement is the median over processes of each one's median, had memory and cores been as fast in all of them (`profiler.speeds`).
    """
    slowed = slowdowns(samples, probes)
    by_item: dict[str, list[Sample]] = {}
    for sample in samples:
        measured = sample.item if sample.measured is None else Item(probe=sample.item.probe, shape=sample.measured)
        by_item.setdefault(measured.key, []).append(sample)
    measurements: list[Measurement] = []
    notes: dict[str, None] = {}
    for _, found in sorted(by_item.items()):
        kept = [sample for sample in found if sample.skipped is None]
        notes |= dict.fromkeys(note for sample in found if (note := _note(sample, bool(kept))))
        if kept:
            measurements.append(_measurement(kept, probes[kept[0].item.probe], slowed))
    doubts = sorted({sample.note for sample in samples if sample.note})
    return measurements, [*notes, *doubts]


def _measurement(kept: Sequence[Sample], probe: Probe, slowed: Mapping[Where, float]) -> Measurement:
    by_process = {sample.process: sample.median_s for sample in kept}
    peaks = [sample.peak_memory_bytes for sample in kept if sample.peak_memory_bytes is not None]
    joules = [sample.energy_j for sample in kept if sample.energy_j is not None]
    undisturbed = {sample.process: sample.median_s / slowed.get((sample.process, sample.item.key), 1.0) for sample in kept}
    return Measurement(
        probe=probe.name,
        family=probe.family,
        shape=kept[0].measured or kept[0].item.shape,
        dtype=probe.dtype,
        repeats=sum(sample.calls for sample in kept),
        median_s=float(np.median(list(undisturbed.values()))),
        p5_s=min(sample.p5_s for sample in kept),
        p95_s=max(sample.p95_s for sample in kept),
        process_medians_s=tuple(by_process.values()),
        bytes=kept[0].bytes,
        flops=kept[0].flops,
        peak_memory_bytes=max(peaks) if peaks else None,
        energy_j=float(np.median(joules)) if joules else None,
    )


def _note(sample: Sample, measured_elsewhere: bool) -> str | None:
    """What a sample that is not the planned measurement should tell the reader; nothing where another process made up for it."""
    if sample.measured is not None and sample.skipped is None:
        instead = Item(probe=sample.item.probe, shape=sample.measured)
        return f"{sample.item} did not fit in memory: measured {instead} instead"
    if sample.skipped is None or (measured_elsewhere and sample.scope != "process"):
        return None
    what = sample.item.probe if sample.scope == "probe" else str(sample.item)
    return f"{what} lost one process: {sample.skipped}" if measured_elsewhere else f"skipped {what}: {sample.skipped}"


def left_out_note(planned: Sequence[Item], samples: Sequence[Sample], depth: Depth) -> str | None:
    """How many planned shapes nobody came to, or came to in fewer processes than planned, for want of time; None where all were."""
    seen: dict[str, int] = {}
    for sample in samples:
        seen[sample.item.key] = seen.get(sample.item.key, 0) + 1
    excused = {sample.item.key for sample in samples if sample.skipped is not None}
    refused = {sample.item.probe for sample in samples if sample.scope == "probe"}
    never: dict[str, int] = {}
    for item in planned:
        if item.key not in seen and item.probe not in refused:
            never[item.probe] = never.get(item.probe, 0) + 1
    fewer = sum(count < depth.processes and key not in excused for key, count in seen.items())
    if not never and not fewer:
        return None
    counts = ", ".join(f"{probe} {count}" for probe, count in sorted(never.items()))
    parts = [f"left out {sum(never.values())} of {len(planned)} planned shapes ({counts})"] if never else []
    if fewer:
        parts.append(f"measured {fewer} shapes in fewer than {depth.processes} processes")
    return f"for want of time, {depth.budget_s:.0f} s in all: {' and '.join(parts)}"


def clock_note(samples: Sequence[Sample], anchors: Collection[str]) -> str | None:
    """The SM clocks at which a GPU measured, and those of whole steps, which may draw more power than its limit allows at that clock; None
    where nobody told."""
    shapes: list[float] = []
    steps: list[float] = []
    for one in samples:
        if one.clock_hz is not None:
            (steps if one.item.probe in anchors else shapes).append(one.clock_hz / 1e6)
    if not shapes:
        return None
    low, usual, high = np.quantile(shapes, (0.05, 0.5, 0.95))
    note = f"SM clock while measuring: {usual:.0f} MHz at the median shape, {low:.0f} to {high:.0f} MHz at nine of ten"
    return f"{note}; {np.median(steps):.0f} MHz in whole steps" if steps else note


def range_note(measurements: Sequence[Measurement]) -> str:
    """How far processes differed: slowest over fastest by shape; and what to do where that is too far to trust a median."""
    ratios = [max(one.process_medians_s) / min(one.process_medians_s) for one in measurements if len(one.process_medians_s) > 1]
    if not ratios:
        return "one process: no range between processes"
    median, high = np.quantile(ratios, (0.5, 0.95))
    note = f"between processes: slowest over fastest {median:.2f} at the median shape, {high:.2f} at the 95 % one"
    return f"{note}; disturbed, profile again when nothing else runs" if high > DISTURBED else note
