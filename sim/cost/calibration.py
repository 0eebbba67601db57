"""The calibration file: measured costs of one device, what was fitted to them, and how wrong the fit is.

The profiler writes it, the simulator reads it, both through these models. A `measured` file comes from a device alone; a
`datasheet` one is built from published peaks and stated efficiencies and marks everything that rests on it as extrapolated.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import ValidationError

from sim.cost.fit import Fit, NonNegative, Part, Positive
from sim.cost.speeds import Speeds
from sim.scenario.errors import InputError, Problem


class Device(Part):
    """`id` is the name used as ``gpu:`` in scenarios. Bandwidths per device, one direction, bytes/s."""

    id: str
    name: str
    vendor: str
    kind: Literal["gpu", "cpu"]
    memory_bytes: Positive
    compute_capability: str | None = None
    driver: str | None = None
    cores: int | None = None
    clock_hz: Positive | None = None
    power_limit_w: Positive | None = None
    ecc: bool | None = None
    intra_node_bytes_per_s: Positive | None = None
    inter_node_bytes_per_s: Positive | None = None


class Software(Part):
    profiler: str
    torch: str | None = None
    cuda: str | None = None
    os: str | None = None
    python: str | None = None


class Measurement(Part):
    """One timed shape: `repeats` calls in several fresh processes, whose own medians are `process_medians_s`.

    `median_s` is theirs, had the device's memory and cores been as fast for all of them as they were for the median sample of the whole
    profile.
    """

    probe: str
    family: str
    shape: dict[str, int]
    dtype: str
    repeats: int
    median_s: Positive
    p5_s: Positive
    p95_s: Positive
    process_medians_s: tuple[Positive, ...] = ()
    bytes: NonNegative = 0.0
    flops: NonNegative = 0.0
    peak_memory_bytes: NonNegative | None = None
    energy_j: Positive | None = None
    predicted_s: Positive | None = None
    """For end-to-end anchors, never fitted: what the cost model predicts from the fits."""


class Calibration(Part):
    """Everything known about one device's costs."""

    schema_version: Literal[1] = 1
    source: Literal["measured", "datasheet", "published"]
    completeness: Literal["quick", "full", "datasheet"]
    date: str
    device: Device
    software: Software
    speeds: Speeds | None = None
    """Those of the median of the profile, at which its times are given; None where nothing told (a GPU is its user's own)."""
    fits: dict[str, Fit]
    measurements: tuple[Measurement, ...] = ()
    anchors: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def extrapolated(self) -> bool:
        return self.source != "measured"

    def fit(self, family: str) -> Fit:
        """The family's fit; InputError where it was not measured."""
        if family not in self.fits:
            raise self.lacks([family])
        return self.fits[family]

    def lacks(self, families: Iterable[str]) -> InputError:
        """The error that these were not measured, and what would do."""
        return InputError.of(
            f"the calibration of {self.device.id} has no fit of {', '.join(families)}, on which this cost rests; measure the device again "
            "with 'leadtime profile --full' while nothing else runs on it, or name another calibration"
        )

    def spread(self, family: str) -> float:
        """Log standard deviation of a prediction of this family, from its 95 % error."""
        return math.log1p(self.fit(family).error_p95) / 1.96

    def scaled(self, factors: Mapping[str, float]) -> Self:
        """A copy in which each family named takes `factors` times as long: the calibration as it may truly be."""
        fits = {name: fit.scaled(factors.get(name, 1.0)) for name, fit in self.fits.items()}
        return self.model_copy(update={"fits": fits})

    def at_speeds(self, speeds: Speeds) -> Self:
        """A copy as the device is while its memory and cores are this fast; the same where the profile did not tell."""
        if self.speeds is None:
            return self
        memory = self.speeds.memory_bytes_per_s / speeds.memory_bytes_per_s
        cores = self.speeds.cores_flops_per_s / speeds.cores_flops_per_s
        copy = self.scaled({name: memory**fit.memory_power * cores**fit.cores_power for name, fit in self.fits.items()})
        return copy.model_copy(update={"speeds": speeds})


def load_calibration(path: Path) -> Calibration:
    """Read and check one calibration file; InputError for anything that is not one."""
    where = str(path)
    if path.is_dir():
        raise InputError.of("is a folder; give a calibration file, as written by 'leadtime profile'", where=where)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise InputError.of(f"cannot be read ({reason}); give a file written by 'leadtime profile'", where=where) from None
    try:
        return Calibration.model_validate_json(text)
    except ValidationError as error:
        problems = [
            Problem(
                f"{item['msg']}; not a usable calibration, write one with 'leadtime profile'",
                where,
                ".".join(map(str, item["loc"])),
            )
            for item in error.errors()[:5]
        ]
        raise InputError(problems) from None
