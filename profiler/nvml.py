"""What NVIDIA's driver tells of the GPU measured here: its energy counter, its clock, and what holds its clocks back.

Through ``nvidia-ml-py``, imported when it is first asked. What the library, the driver or the device does not tell is absent, never 0.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import torch

HELD_BACK = (
    (0x04, "the power cap"),
    (0x08, "a hardware slowdown"),
    (0x20, "heat, by the driver"),
    (0x40, "heat, by the hardware"),
    (0x80, "a power brake"),
)
"""Bits of NVML's clock event reasons (nvml.h) that make a measurement slower than the device can be."""


class Nvml:
    """One device as the driver sees it."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library, self._handle = library, handle

    def energy_j(self) -> float | None:
        """Joules since the driver was loaded; the counter steps every few tens of milliseconds."""
        millijoules = self._told("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1e3

    def clock_hz(self) -> float | None:
        """The SM clock now."""
        megahertz = self._told("nvmlDeviceGetClockInfo", self._library.NVML_CLOCK_SM)
        return None if megahertz is None else megahertz * 1e6

    def held_back(self) -> list[str]:
        """What holds the clocks back at this moment; empty where nothing does, or where nobody tells."""
        reasons = self._told("nvmlDeviceGetCurrentClocksEventReasons")
        return [name for bit, name in HELD_BACK if int(reasons or 0) & bit]

    def _told(self, question: str, *arguments: Any) -> float | None:
        ask: Callable[..., float] | None = getattr(self._library, question, None)
        if ask is None:
            return None
        try:
            return float(ask(self._handle, *arguments))
        except self._library.NVMLError:
            return None


@cache
def nvml_here() -> Nvml | None:
    """The driver's view of this process's first CUDA device; None where there is none, or no NVML."""
    if not torch.cuda.is_available() or torch.version.hip:
        return None
    try:
        library = import_module("pynvml")
        library.nvmlInit()
    except Exception:  # no package, no driver, or a driver that refuses: all mean that nobody tells
        return None
    uuid = str(getattr(torch.cuda.get_device_properties(0), "uuid", ""))
    try:
        handle = library.nvmlDeviceGetHandleByUUID(f"GPU-{uuid.removeprefix('GPU-')}") if uuid else library.nvmlDeviceGetHandleByIndex(0)
    except library.NVMLError:
        return None
    return Nvml(library, handle)
