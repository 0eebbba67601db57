"""Fresh processes, one after the other over the same shapes in different orders, and their samples joined into measurements."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from profiler.measuring import Item, Plan, Sample
from profiler.probes import Probe
from sim.cost.calibration import Measurement
from sim.scenario.errors import InputError

Progress = Callable[[int, int], None]
DISTURBED = 3.0
"""A quiet machine stays under this at the 95 % shape (measured: 1.7 to 2.1 on a shared one left alone, 93 beside another's tests)."""


def measure_in_processes(
    items: Sequence[Item], device: str, folder: Path, *, processes: int, least_s: float, progress: Progress | None
) -> list[list[Sample]]:
    """Every item once in each of `processes` fresh processes; samples by process. InputError where one dies."""
    runs = []
    for number in range(processes):
        plan_file, result_file = folder / "plan.json", folder / "result.json"
        plan = Plan(device=device, folder=str(folder), seed=number, least_s=least_s, items=list(items))
        plan_file.write_text(plan.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", "profiler.measuring", str(plan_file), str(result_file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError.of(f"a measuring process ended with code {done.returncode}: {last}; nothing was written")
        samples = json.loads(result_file.read_text(encoding="utf-8"))["samples"]
        runs.append([Sample.model_validate(sample) for sample in samples])
        if progress is not None:
            progress(number + 1, processes)
    return runs


def join(runs: Sequence[Sequence[Sample]], probes: dict[str, Probe]) -> tuple[list[Measurement], list[str]]:
    """Measurements (median over processes of each one's median) by probe and shape, and notes on what was skipped or is in doubt."""
    by_item: dict[tuple[str, str], list[Sample]] = {}
    for run in runs:
        for sample in run:
            by_item.setdefault((sample.item.probe, json.dumps(sample.item.shape)), []).append(sample)
    measurements, skipped = [], {}
    doubts = sorted({sample.note for run in runs for sample in run if sample.note})
    for (name, _), samples in sorted(by_item.items()):
        kept = [sample for sample in samples if sample.skipped is None]
        if not kept:
            skipped[name] = samples[0].skipped
            continue
        medians = tuple(sample.median_s for sample in kept)
        peaks = [sample.peak_memory_bytes for sample in kept if sample.peak_memory_bytes is not None]
        measurements.append(
            Measurement(
                probe=name,
                family=probes[name].family,
                shape=kept[0].item.shape,
                dtype=probes[name].dtype,
                repeats=sum(sample.calls for sample in kept),
                median_s=float(np.median(medians)),
                p5_s=min(sample.p5_s for sample in kept),
                p95_s=max(sample.p95_s for sample in kept),
                process_medians_s=medians,
                bytes=kept[0].bytes,
                flops=kept[0].flops,
                peak_memory_bytes=max(peaks) if peaks else None,
            )
        )
    return measurements, [*(f"skipped {name}: {why}" for name, why in skipped.items()), *doubts]


def range_note(measurements: Sequence[Measurement]) -> str:
    """How far processes differed: slowest over fastest by shape; and what to do where that is too far to trust a median."""
    ratios = [max(one.process_medians_s) / min(one.process_medians_s) for one in measurements if len(one.process_medians_s) > 1]
    if not ratios:
        return "one process: no range between processes"
    median, high = np.quantile(ratios, (0.5, 0.95))
    note = f"between processes: slowest over fastest {median:.2f} at the median shape, {high:.2f} at the 95 % one"
    return f"{note}; disturbed, profile again when nothing else runs" if high > DISTURBED else note
