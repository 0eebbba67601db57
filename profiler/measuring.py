"""One fresh process that measures a list of shapes once each, in an order of its own, and writes what it saw as JSON.

Run as ``python -m profiler.measuring PLAN RESULT`` by `profiler.processes`: the spread within one process lies about that between several.
"""

import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

from pydantic import BaseModel

from profiler.probes import Shape


class Item(BaseModel):
    probe: str
    shape: Shape


class Plan(BaseModel):
    """What a process measures: items, seconds on each, and where files may go."""

    device: str
    folder: str
    seed: int
    least_s: float
    items: list[Item]


class Sample(BaseModel):
    """One item in one process; `skipped` says why there is no time."""

    item: Item
    skipped: str | None = None
    median_s: float = 0.0
    p5_s: float = 0.0
    p95_s: float = 0.0
    calls: int = 0
    bytes: float = 0.0
    flops: float = 0.0
    peak_memory_bytes: float | None = None


def measure(plan: Plan) -> list[Sample]:
    """Measure every item of a plan in this process, shuffled by its seed."""
    import torch

    from profiler.probes import all_probes

    torch.manual_seed(plan.seed)
    device, probes, folder = torch.device(plan.device), all_probes(), Path(plan.folder)
    items = list(plan.items)
    Random(plan.seed).shuffle(items)
    samples = []
    refused: dict[str, str] = {}
    for item in items:
        probe = probes[item.probe]
        if probe.name in refused:
            samples.append(Sample(item=item, skipped=refused[probe.name]))
            continue
        sample = _measure(probe, item, device, folder, plan.least_s)
        if sample.skipped and "memory" not in sample.skipped:
            refused[probe.name] = sample.skipped  # what fails or crawls once is not tried again in every shape
        samples.append(sample)
    return samples


def _measure(probe: Any, item: Item, device: Any, folder: Path, least_s: float) -> Sample:
    import torch

    from profiler.timing import TooSlowError, time_call

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    try:
        work = probe.prepare(item.shape, device, folder)
        timing = time_call(work.call, device, least_s)
    except (TooSlowError, RuntimeError, MemoryError, NotImplementedError, OSError) as error:
        return Sample(item=item, skipped=f"{type(error).__name__}: {str(error).splitlines()[0][:120]}")
    finally:
        for file in folder.glob("*-[0-9]*"):
            file.unlink()
    peak = float(torch.cuda.max_memory_allocated()) if device.type == "cuda" else None
    sample = Sample(
        item=item,
        median_s=timing.median_s,
        p5_s=timing.p5_s,
        p95_s=timing.p95_s,
        calls=timing.calls,
        bytes=work.bytes,
        flops=work.flops,
        peak_memory_bytes=peak,
    )
    del work  # its tensors go before the next shape's come
    return sample


def main(plan_file: str, result_file: str) -> None:
    plan = Plan.model_validate_json(Path(plan_file).read_text(encoding="utf-8"))
    began = time.time()
    samples = measure(plan)
    document = {"seconds": time.time() - began, "samples": [sample.model_dump() for sample in samples]}
    Path(result_file).write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:3])
