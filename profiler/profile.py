"""Measure this device and write its calibration: the one function behind ``leadtime profile``."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from profiler.torch_import import require_torch
from sim.cost.calibration import Calibration, Measurement
from sim.scenario.errors import InputError

Shapes = dict[str, list[dict[str, int]]]
PROCESSES = {True: 3, False: 4}
LEAST_S = {True: 0.03, False: 0.1}
"""Fresh processes, and seconds on each shape in each of them, for quick and full profiles."""


def profile(
    device: str = "auto",
    quick: bool = True,
    out: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    only: Shapes | None = None,
) -> tuple[Calibration, Path]:
    """Measure, fit, and write a calibration; returns it and its file.

    `out` is the file to write (default: ``<device id>.json`` here); `progress` hears of processes done and in all; `only` measures
    these shapes by probe instead of all. InputError, before anything is measured, where torch or the device is missing or the file
    cannot be written.
    """
    require_torch()
    from profiler.device import Moment, choose, describe, now, state_notes
    from profiler.fit import fit_family
    from profiler.measuring import Item
    from profiler.predictions import predict
    from profiler.probes import all_probes
    from profiler.processes import join, measure_in_processes, range_note

    chosen = choose(device)
    facts, software = describe(chosen)
    target = _writable(out or Path(f"{facts.id}.json"))
    probes = all_probes()
    shapes = only or {name: probe.shapes(chosen, quick=quick) for name, probe in probes.items()}
    items = [Item(probe=name, shape=shape) for name, listed in shapes.items() for shape in listed]
    before = Moment.now()
    with tempfile.TemporaryDirectory(prefix=".leadtime-profile-", dir=target.parent) as folder:
        Path(folder, ".gitignore").write_text("*\n", encoding="utf-8")  # nobody's `git add` should sweep up a profile under way
        runs = measure_in_processes(
            items, chosen.type, Path(folder), processes=PROCESSES[quick], least_s=LEAST_S[quick], progress=progress
        )  # fmt: skip
    notes = state_notes(chosen, before, Moment.now())
    measured, skipped = join(runs, probes)
    fitted = [one for one in measured if not probes[one.probe].anchor]
    families = dict.fromkeys(one.family for one in fitted)
    fits = {family: fit_family(family, [one for one in fitted if one.family == family]) for family in families}
    calibration = Calibration(
        source="measured",
        completeness="quick" if quick else "full",
        date=now(),
        device=facts,
        software=software,
        fits={family: fit for family, fit in fits.items() if fit is not None},
        measurements=tuple(fitted),
        notes=(*notes, range_note(measured), *skipped),
    )
    anchors = tuple(_predicted(one, predict(one.probe, one.shape, calibration)) for one in measured if probes[one.probe].anchor)
    calibration = calibration.model_copy(update={"anchors": anchors})
    _write(target, calibration)
    return calibration, target


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
        raise InputError.of(f"cannot be written: {error.strerror}; nothing was kept", where=str(target)) from None
