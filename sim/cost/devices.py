"""The one place that knows which calibration stands for a GPU type: the user's file, a shipped measurement, or a datasheet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path

from sim.cost.calibration import Calibration, load_calibration
from sim.cost.datasheets import DATASHEETS, datasheet_calibration
from sim.cost.validation import VALIDATED, Validation, validation_beside
from sim.scenario.errors import InputError
from sim.scenario.nearest import nearest

Chosen = str | Mapping[str, str] | None
"""A scenario's `calibration`: one file for every GPU type, files by GPU type, or nothing."""


def measured_calibrations() -> dict[str, Path]:
    """Device id to file, for every measured calibration shipped with the package."""
    folder = Path(str(resources.files("sim.cost") / "calibrations"))
    return {path.stem: path for path in sorted(folder.glob("*.json")) if not path.name.endswith(VALIDATED)}


def known_devices() -> list[str]:
    return sorted({*measured_calibrations(), *DATASHEETS})


def shipped_calibration(device: str) -> Calibration:
    """What is shipped for this GPU type, measured where it was; InputError with the nearest known name."""
    measured = measured_calibrations()
    if device in measured:
        return load_calibration(measured[device])
    if device in DATASHEETS:
        return datasheet_calibration(DATASHEETS[device])
    raise InputError.of(
        f"found GPU type {device!r}, for which no calibration is shipped (profile it and name the file under 'calibration'); "
        f"{nearest(device, known_devices())}"
    )


def calibrations_for(gpu_types: Iterable[str], chosen: Chosen) -> dict[str, Calibration]:
    """The calibration of each GPU type. One chosen file stands for all of them: the plan then rests on that device."""
    if isinstance(chosen, str):
        calibration = load_calibration(Path(chosen))
        return dict.fromkeys(gpu_types, calibration)
    files = chosen or {}
    types = tuple(gpu_types)
    for named in files:
        if named not in types:
            raise InputError.of(f"found GPU type {named!r}, which no pool has; {nearest(named, list(types))}", key="calibration")
    return {gpu: load_calibration(Path(files[gpu])) if gpu in files else shipped_calibration(gpu) for gpu in types}


def compared_calibrations(devices: Sequence[str] | None, file: Path | None) -> list[Calibration]:
    """The calibrations to compare: of the devices named (all known ones where none is), with `file` standing for its own device.

    Where only a file is given, its device alone. InputError for a device that nobody knows.
    """
    own = load_calibration(file) if file is not None else None
    if devices is None:
        devices = [own.device.id] if own is not None else known_devices()
    elif own is not None and own.device.id not in devices:
        devices = [own.device.id, *devices]
    try:
        return [own if own is not None and device == own.device.id else shipped_calibration(device) for device in devices]
    except InputError as error:
        raise InputError([replace(problem, where="--devices") for problem in error.problems]) from None


def own_file(file: Path | None) -> dict[str, str]:
    """A user's file as the choice for its own device alone."""
    return {} if file is None else {load_calibration(file).device.id: str(file)}


def calibration_file(device: str) -> Path:
    """The file that stands for a device where none is named: ``<device>.json`` here, as a profile leaves it, else the shipped one."""
    here, shipped = Path(f"{device}.json"), measured_calibrations().get(device)
    return here if here.is_file() or shipped is None else shipped


def validations_for(calibrations: Mapping[str, Calibration], chosen: Chosen) -> dict[str, Validation]:
    """The last validation of each GPU type's calibration (as `calibrations_for` chose it), where it has one."""
    named = dict.fromkeys(calibrations, chosen) if isinstance(chosen, str) else dict(chosen or {})
    files = measured_calibrations() | {gpu: Path(file) for gpu, file in named.items()}
    found = {gpu: validation_beside(files[gpu], calibration) for gpu, calibration in calibrations.items() if gpu in files}
    return {gpu: validation for gpu, validation in found.items() if validation is not None}
