"""One fresh process that measures a list of shapes once each, in an order of its own, and writes what it saw as JSON.

Run as ``python -m profiler.measuring PLAN RESULT`` by `profiler.processes`: the spread within one process lies about that between several.
"""

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from pydantic import BaseModel

from profiler.probes import Shape

TRIED_SHARE = 1e-3
"""A probe is first tried on its smallest shape of at least this share of its largest one's work: enough to see a hopeless speed."""
TRIED_RANGE = 50.0
"""Probes whose shapes differ less than this are not tried: the first call of any shape tells as much."""


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
    note: str | None = None


def trial(items: Sequence[Item]) -> tuple[Item, float] | None:
    """The shape to try a probe on, and how much larger its largest one is; None where trying would tell nothing.

    The product of a shape's sizes stands for its work.
    """
    by_work = sorted(items, key=lambda item: math.prod(item.shape.values()))
    works = [math.prod(item.shape.values()) for item in by_work]
    tried = next((i for i, work in enumerate(works) if work >= TRIED_SHARE * works[-1]), 0)
    ratio = works[-1] / works[tried]
    return (by_work[tried], ratio) if ratio >= TRIED_RANGE else None


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
    for name in sorted({item.probe for item in items}):
        if (found := trial([item for item in items if item.probe == name])) and (why := _try(probes[name], *found, device, folder)):
            refused[name] = why
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


def _try(probe: Any, item: Item, times_larger: float, device: Any, folder: Path) -> str | None:
    from profiler.timing import try_call

    try:
        try_call(probe.prepare(item.shape, device, folder).call, device, times_larger)
    except _failures() as error:
        return _reason(error)
    finally:
        _clear(folder)
    return None


def _failures() -> tuple[type[Exception], ...]:
    from profiler.timing import TooSlowError

    return TooSlowError, RuntimeError, MemoryError, NotImplementedError, OSError


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0][:120]}"


def _clear(folder: Path) -> None:
    for file in folder.glob("*-[0-9]*"):
        file.unlink()


def _measure(probe: Any, item: Item, device: Any, folder: Path, least_s: float) -> Sample:
    import torch

    from profiler.timing import time_call

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    try:
        work = probe.prepare(item.shape, device, folder)
        timing = time_call(work.call, device, least_s, work.warm_up)
    except _failures() as error:
        return Sample(item=item, skipped=_reason(error))
    finally:
        _clear(folder)
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
        note=work.note,
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
