"""Measure this device and write its calibration: the one function behind ``leadtime profile``."""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from profiler.torch_import import require_torch
from sim.cost.calibration import Calibration, Device, Measurement, Software
from sim.cost.fit import Fit
from sim.cost.speeds import Speeds
from sim.scenario.errors import InputError

if TYPE_CHECKING:
    from profiler.probes import Probe

Shapes = dict[str, list[dict[str, int]]]


def profile(
    device: str = "auto",
    quick: bool = True,
    out: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    only: Shapes | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Calibration, Path]:
    """Measure, fit, and write a calibration; returns it and its file.

    `out` is the file to write (default: ``<device id>.json`` here); `progress` hears of shapes measured and in all, over all processes;
    `only` measures these shapes by probe instead of all; `say` hears what the user should know at once. What an earlier call for the same
    file, device and depth measured before it was stopped is not measured again. InputError, before anything is measured, where torch or
    the device is missing or the file cannot be written. KeyboardInterrupt, when it comes, says what is kept and how to go on.
    """
    began = time.monotonic()
    require_torch()
    from profiler.budget import FULL, QUICK
    from profiler.device import Moment, choose, describe, state_notes
    from profiler.joining import clock_note, join, left_out_note, range_note
    from profiler.measuring import Item
    from profiler.partial import PartialProfile, plan_of
    from profiler.probes import all_probes
    from profiler.probes.collectives import GROUPED
    from profiler.rounds import Rounds
    from profiler.speeds import powers, speed_note, usual_speeds

    depth = QUICK if quick else FULL
    chosen = choose(device)
    facts, software = describe(chosen)
    target = _writable(out or Path(f"{facts.id}.json"))
    probes = all_probes()
    shapes = only or {name: probe.shapes(chosen, quick=quick) for name, probe in probes.items()}
    items = [Item(probe=name, shape=shape) for name, listed in shapes.items() for shape in listed]
    partial = PartialProfile.open(target, plan_of(facts, software, depth, items), say)
    before = Moment.now()
    anchors = [name for name, probe in probes.items() if probe.anchor]
    beside = [name for name, probe in probes.items() if not probe.shapes(chosen, quick=True)]  # a quick profile does without
    rounds = Rounds(items, anchors, beside, GROUPED, chosen.type, depth, partial, progress)
    try:
        rounds.run(began + depth.budget_s - depth.reserve_s - partial.spent_s)
        state = state_notes(chosen, before, Moment.now())
        measured, doubts = join(partial.samples, probes)
        left_out = left_out_note(items, partial.samples, depth)
        told = (clock_note(partial.samples, anchors), speed_note(partial.samples), left_out, partial.note())
        notes = (*state, range_note(measured), *filter(None, told), *doubts)
        calibration = _fitted(measured, probes, facts, software, depth.name, notes)
        calibration = _at(usual_speeds(partial.samples), powers(partial.samples, probes), calibration)
        _write(target, calibration)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(partial.stopped()) from None
    finally:
        partial.close()
    partial.remove()
    return calibration, target


def _fitted(
    measured: Sequence[Measurement],
    probes: "Mapping[str, Probe]",
    device: Device,
    software: Software,
    depth: Literal["quick", "full"],
    notes: tuple[str, ...],
) -> Calibration:
    """The calibration of what was measured: a fit for each family, and each anchor beside what the fits predict of it."""
    from profiler.device import now
    from profiler.fit import fit_families
    from profiler.predictions import predict

    operators = [one for one in measured if not probes[one.probe].anchor]
    fits, errors = fit_families(operators)
    calibration = Calibration(
        source="measured",
        completeness=depth,
        date=now(),
        device=_linked(device, fits),
        software=software,
        fits=fits,
        measurements=tuple(operators),
        notes=(*notes, *_unfitted_note(operators, fits), *_errors_note(errors)),
    )
    anchors = tuple(_predicted(one, predict(one.probe, one.shape, calibration)) for one in measured if probes[one.probe].anchor)
    return calibration.model_copy(update={"anchors": anchors})


def _at(speeds: Speeds | None, powers: Mapping[str, tuple[float, float]], calibration: Calibration) -> Calibration:
    """With the speeds that its times are given at, and what each family's have to do with them; the probe of a family has its name."""
    minding = {name: dict(zip(("memory_power", "cores_power"), powers.get(name, (0.0, 0.0)), strict=True)) for name in calibration.fits}
    fits = {name: fit.model_copy(update=minding[name]) for name, fit in calibration.fits.items()}
    return calibration.model_copy(update={"fits": fits, "speeds": speeds})


def _unfitted_note(operators: Sequence[Measurement], fits: Mapping[str, Fit]) -> list[str]:
    """Families that were measured, in too few shapes."""
    missing = sorted({one.family for one in operators} - fits.keys())
    return [f"too few shapes for a fit, costs rest on other families or cannot be told: {', '.join(missing)}"] if missing else []


def _errors_note(errors: Sequence[float]) -> list[str]:
    """How far the fits were off the shapes that they never saw, all families together."""
    if not errors:
        return []
    median, high = np.quantile(errors, (0.5, 0.95))
    return [f"{len(errors)} held-out shapes of all families: off by {100 * median:.1f} % at the median, {100 * high:.1f} % at 95 %"]


def _linked(device: Device, fits: Mapping[str, Fit]) -> Device:
    """The device with its links as fast as an all-reduce between the GPUs here was; a CPU's two processes have no link."""
    if device.kind == "cpu" or "all-reduce" not in fits:
        return device
    return device.model_copy(update={"intra_node_bytes_per_s": fits["all-reduce"].bytes_per_s})


def _predicted(anchor: Measurement, seconds: float | None) -> Measurement:
    return anchor.model_copy(update={"predicted_s": seconds})


def _writable(target: Path) -> Path:
    """`target`, if a file can be written there; InputError before a minute is spent on measuring."""
    if target.is_dir():
        raise InputError.of("is a folder; give a file, as in --out my-gpu.json", where=str(target))
    if not target.parent.is_dir():
        raise InputError.of(f"cannot be written: there is no folder {target.parent}", where=str(target))
    if not os.access(target.parent, os.W_OK):
        raise InputError.of(
            f"cannot be written: {target.parent} is read-only for this user; give another file with --out", where=str(target)
        )
    return target


def _write(target: Path, calibration: Calibration) -> None:
    """Write whole or not at all."""
    text = calibration.model_dump_json(indent=1, exclude_none=True) + "\n"
    handle, work = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(work, 0o644)
        os.replace(work, target)
    except OSError as error:
        Path(work).unlink(missing_ok=True)
        raise InputError.of(
            f"cannot be written: {error.strerror}; make room and give the same command to go on", where=str(target)
        ) from None
