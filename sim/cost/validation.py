"""A validation: a queue that was run for real on a device, beside the simulation of the same queue from the device's calibration.

It is stored beside the calibration that it tried, as ``<calibration>.validation.json``, and stands for that one alone: a device profiled
again is a device not validated yet.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from pydantic import ValidationError

from sim.cost.calibration import Calibration, Device
from sim.cost.fit import NonNegative, Part, Positive
from sim.cost.speeds import Speeds
from sim.scenario.errors import InputError

TARGETS = {"makespan": 0.05, "wait.mean": 0.10}
"""How far off a prediction may be on an otherwise idle device, by figure."""
VALIDATED = ".validation.json"
Order = Literal["fifo", "priority"]


@dataclass(frozen=True)
class QueuedJob:
    """A job of the queue: `repeats` of a piece of work (by its index), there from `arrival_s` on."""

    piece: int
    repeats: int
    arrival_s: float
    priority: int


@dataclass(frozen=True)
class RanJob:
    """What happened to a job, in seconds since the clock started: sent to a slot, heard of its end; `busy_s` is its own process's count.

    `process` is the number of the process that ran it, `speeds` those of the device right after, where it told.
    """

    start_s: float
    end_s: float
    busy_s: float
    process: int
    speeds: Speeds | None = None


class Piece(Part):
    """A piece of work that jobs repeat: a step or a merge of one shape, and the seconds that the calibration predicts of it alone."""

    kind: Literal["merge", "training"]
    probe: str
    shape: dict[str, int]
    predicted_s: Positive


class ValidatedJob(Part):
    """One job as predicted and as it ran; times in seconds since the clock started."""

    piece: int
    repeats: int
    priority: int
    arrival_s: NonNegative
    predicted_s: Positive
    measured_s: Positive
    start_s: NonNegative
    end_s: NonNegative
    process: int

    @property
    def ratio(self) -> float:
        """Predicted over measured."""
        return self.predicted_s / self.measured_s


class Compared(Part):
    """One figure of the queue in seconds: as simulated from the calibration, as measured, as simulated from the measured durations.

    `at_speeds_s` is simulated from the calibration at the speeds that memory and cores had during the queue, where both are known.
    """

    predicted_s: NonNegative
    measured_s: NonNegative
    replayed_s: NonNegative
    at_speeds_s: NonNegative | None = None

    @property
    def error(self) -> float:
        """Of the whole prediction: relative, positive where it is too long."""
        return _error(self.predicted_s, self.measured_s)

    @property
    def error_at_speeds(self) -> float | None:
        """What is left of the prediction's error when memory and cores are known to have been as fast as they were."""
        return None if self.at_speeds_s is None else _error(self.at_speeds_s, self.measured_s)

    @property
    def engine_error(self) -> float:
        """Of the simulated queue alone, its jobs taking as long as they took."""
        return _error(self.replayed_s, self.measured_s)


def _error(one: float, measured: float) -> float:
    return one / measured - 1 if measured else 0.0


class Validated(Part):
    """A validation in short, for wherever its calibration is used: relative errors of the makespan and of the mean wait."""

    date: str
    jobs: int
    makespan_error: float
    mean_wait_error: float


class Validation(Part):
    """Everything a validation said. `figures` are ``makespan``, ``wait.mean`` and ``wait.p95``."""

    schema_version: Literal[1] = 1
    leadtime_version: str
    date: str
    device: str
    calibration_sha256: str
    slots: int
    order: Order
    seed: int
    pieces: tuple[Piece, ...]
    jobs: tuple[ValidatedJob, ...]
    figures: dict[str, Compared]
    speeds: Speeds | None = None
    """At the median job."""
    notes: tuple[str, ...] = ()

    @property
    def missed(self) -> list[str]:
        """Figures further off than their targets."""
        return [name for name, most in TARGETS.items() if abs(self.figures[name].error) > most]

    @property
    def in_short(self) -> Validated:
        makespan, mean_wait = self.figures["makespan"], self.figures["wait.mean"]
        return Validated(date=self.date, jobs=len(self.jobs), makespan_error=makespan.error, mean_wait_error=mean_wait.error)

    def of(self, calibration: Calibration) -> bool:
        """Whether it tried this very calibration."""
        return self.calibration_sha256 == fingerprint(calibration)


def fingerprint(calibration: Calibration) -> str:
    """SHA-256 of what predictions come from: the device, the date and the fits."""
    return hashlib.sha256(calibration.model_dump_json(include={"device", "date", "fits"}, exclude_defaults=True).encode()).hexdigest()


def validation_file(calibration: Path) -> Path:
    """Where the validation of a calibration file lies."""
    return calibration.with_name(f"{calibration.stem}{VALIDATED}")


def read_validation(path: Path) -> Validation:
    """A stored validation; InputError for anything that is not one."""
    try:
        return Validation.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        remedy = "is not a validation that this version reads; remove it, or run 'leadtime validate' again"
        raise InputError.of(remedy, where=str(path)) from None


def validation_beside(calibration_file: Path, calibration: Calibration) -> Validation | None:
    """The last validation of a calibration, where there is one and it tried what the file now says."""
    path = validation_file(calibration_file)
    if not path.is_file():
        return None
    validation = read_validation(path)
    return validation if validation.of(calibration) else None


def refuse_other_device(calibration: Calibration, here: Device) -> None:
    """InputError, naming both, where a calibration is of another device than the one here."""
    there = calibration.device
    if (there.id, there.name) != (here.id, here.name):
        raise InputError.of(
            f"is of {there.id} ({there.name}), and this is {here.id} ({here.name}); a queue run here says nothing of that device: "
            "give a calibration of this one, as 'leadtime profile' writes it",
            where="--calibration",
        )


def refuse_shared_gpu(calibration: Calibration, slots: int) -> None:
    """InputError where several slots would share a GPU: it gives a job that runs alone all of itself, which nothing here simulates."""
    if calibration.device.kind == "gpu" and slots > 1:
        raise InputError.of(f"{slots} slots would share one GPU, and nobody queues so; give 1", where="--workers")


def writable_file(target: Path) -> Path:
    """`target`, if a file can be written there; InputError before minutes are spent."""
    if target.is_dir():
        raise InputError.of("is a folder; give a file, as in --out my-gpu.validation.json", where=str(target))
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise InputError.of(f"cannot be written: {target.parent} is no folder that this user may write; give --out", where=str(target))
    return target


def write_validation(target: Path, validation: Validation) -> None:
    """Write whole or not at all; InputError where the disk will not have it."""
    handle, work = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(validation.model_dump_json(indent=1) + "\n")
        os.chmod(work, 0o644)
        os.replace(work, target)
    except OSError as error:
        Path(work).unlink(missing_ok=True)
        raise InputError.of(f"cannot be written: {error.strerror}; nothing was kept", where=str(target)) from None


def between_processes(jobs: Iterable[ValidatedJob], pieces: Sequence[Piece]) -> list[float | None]:
    """By piece, its slowest process over its fastest (each by its median seconds of one piece); None where one process ran it all."""
    seconds: list[dict[int, list[float]]] = [{} for _ in pieces]
    for job in jobs:
        seconds[job.piece].setdefault(job.process, []).append(job.measured_s / job.repeats)
    medians = [[median(ran) for ran in by_process.values()] for by_process in seconds]
    return [max(ran) / min(ran) if len(ran) > 1 else None for ran in medians]
