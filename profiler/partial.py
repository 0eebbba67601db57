"""A profile under way, on disk: every finished sample is a line of a log beside the calibration to be, so that a stopped one can go on.

The log's first line says what it is a part of (device, software, depth, shapes); a log of anything else is discarded. Only the profiling
process writes it, a whole line at a time; a line that was cut off is no sample. The folder is also where disk probes put their files.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Self

from pydantic import ValidationError

from profiler.budget import Depth
from profiler.measuring import Item, Sample
from sim.cost.calibration import Device, Software
from sim.scenario.errors import InputError

LOG = "samples.jsonl"
UNSTEADY = {"clock_hz"}
"""A device's facts that a system may tell differently from one minute to the next."""


def plan_of(device: Device, software: Software, depth: Depth, items: Sequence[Item]) -> dict[str, Any]:
    """What a partial profile is a part of: two with the same plan may be joined."""
    shapes = hashlib.sha256(json.dumps(sorted(item.key for item in items)).encode()).hexdigest()[:16]
    return {
        "device": device.model_dump(exclude=UNSTEADY, exclude_none=True),
        "software": software.model_dump(exclude_none=True),
        "depth": [depth.name, depth.processes, depth.repeat_s],
        "shapes": shapes,
    }


class PartialProfile:
    """The finished samples of a profile and where they are kept."""

    def __init__(self, folder: Path, log: IO[bytes], samples: list[Sample]) -> None:
        self.folder = folder
        self.samples = samples
        self.resumed = len(samples)
        self._log = log

    @classmethod
    def open(cls, target: Path, plan: dict[str, Any], say: Callable[[str], None]) -> Self:
        """The partial profile of `target`: what an earlier one left, if it is a part of the same plan, or an empty one.

        InputError where nothing can be written, or where another profile is writing there.
        """
        folder = target.parent / f".leadtime-profile-{target.name}"
        try:
            folder.mkdir(exist_ok=True)
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")  # nobody's `git add` should sweep up a profile under way
            log = (folder / LOG).open("a+b", buffering=0)
        except OSError as error:
            raise InputError.of(f"a profile cannot be kept beside it: {error.strerror}", where=str(target)) from None
        _lock(log, target)
        known, samples, end = _read(log)
        if known == plan:
            log.truncate(end)
        else:
            if known is not None:
                say(f"discarded what {folder} kept of a profile with {_difference(known, plan)}")
            log.truncate(0)
            samples = []
        partial = cls(folder, log, samples)
        if known != plan:
            partial._append({"plan": plan})
        if samples:
            say(f"going on from {len(samples)} measurements that a stopped profile kept in {folder}")
        return partial

    @property
    def spent_s(self) -> float:
        """What the samples took to measure."""
        return sum(sample.elapsed_s for sample in self.samples)

    def add(self, sample: Sample) -> None:
        """Keep a finished sample; InputError where the disk has no room for it."""
        self._append(sample.model_dump(exclude_defaults=True))
        self.samples.append(sample)

    def _append(self, line: dict[str, Any]) -> None:
        try:
            left = memoryview(json.dumps(line).encode() + b"\n")
            while left:
                left = left[self._log.write(left) :]
        except OSError as error:
            self.close()
            raise InputError.of(
                f"the profile stopped: {error.strerror}; make room and give the same command to go on", where=str(self.folder)
            ) from None

    def stopped(self) -> str:
        """One line for whoever stopped it: what is kept, and how to go on."""
        if not self.samples:
            return "stopped; nothing was written"
        return f"stopped; {len(self.samples)} measurements are kept in {self.folder}: the same command goes on from there"

    def note(self) -> str | None:
        """What a calibration should say of being made in more than one go."""
        return f"stopped and resumed: {self.resumed} of {len(self.samples)} samples are from before" if self.resumed else None

    def close(self) -> None:
        """Let go of it, and of the folder too where it holds nothing to go on from."""
        self._log.close()
        if not self.samples:
            self.remove()

    def remove(self) -> None:
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _lock(log: IO[bytes], target: Path) -> None:
    """Ours alone, until this process ends."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.close()
        raise InputError.of(
            "another profile is being measured for this file; wait for it, or give another --out", where=str(target)
        ) from None
    except OSError:  # a file system without locks
        return


def _read(log: IO[bytes]) -> tuple[dict[str, Any] | None, list[Sample], int]:
    """A log's plan (None where it has none), its samples, and where its last whole line ends."""
    log.seek(0, os.SEEK_SET)
    lines = log.read().split(b"\n")[:-1]
    plan: dict[str, Any] | None = None
    samples: list[Sample] = []
    end = 0
    for number, line in enumerate(lines):
        try:
            document = json.loads(line)
            if number == 0:
                plan = document["plan"]
            else:
                samples.append(Sample.model_validate(document))
        except (ValueError, KeyError, TypeError, ValidationError):
            break
        end += len(line) + 1
    return plan, samples, end


def _difference(known: dict[str, Any], plan: dict[str, Any]) -> str:
    """The first thing that differs between two plans, in words."""
    for part in plan:
        had, has = known.get(part), plan[part]
        if had == has:
            continue
        if isinstance(had, dict) and isinstance(has, dict):
            name = next((name for name in {**has, **had} if had.get(name) != has.get(name)), part)
            return f"another {part} ({name} {had.get(name)}, now {has.get(name)})"
        return f"another {part} ({had[0]}, now {has[0]})" if isinstance(had, list) and isinstance(has, list) else f"other {part}"
    return "another plan"
