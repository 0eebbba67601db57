"""Bytes moved: within the device's memory, and between host and device where they differ."""

from pathlib import Path

import torch

from profiler.probes import Shape, Work, random_numbers

MIB = 2**20


class MemoryCopy:
    name = family = "memory-copy"
    dtype = "bytes"
    measures = "copy within the device's memory; bytes read and written"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        sizes = (48, 64, 80, 96, 128, 160, 192) if quick else (48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 320, 384)
        scale = 1 if device.type == "cpu" else 4
        return [{"bytes": size * MIB * scale} for size in sizes]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return 2.0 * shape["bytes"], 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        source = random_numbers(shape["bytes"] // 2, torch.bfloat16, device)
        target = torch.empty_like(source)
        return Work(lambda: target.copy_(source), *self.counts(shape))


class HostCopy:
    """One way between host and device, from or to host memory that is pinned (which the device reads by itself) or pageable."""

    dtype = "bytes"
    anchor = False

    def __init__(self, name: str, *, to_device: bool, pinned: bool) -> None:
        self.name = self.family = name
        host = f"{'pinned' if pinned else 'pageable'} host memory"
        self.measures = f"copy from {host} to the device" if to_device else f"copy from the device to {host}"
        self._to_device, self._pinned = to_device, pinned

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        if device.type == "cpu" or (quick and self.name != "host-copy"):  # a CPU is the host: nothing to cross
            return []
        sizes = (8, 16, 48, 96, 256, 512) if quick else (8, 16, 32, 48, 96, 128, 192, 256, 512, 1024)
        return [{"bytes": size * MIB} for size in sizes]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return float(shape["bytes"]), 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        host = random_numbers(shape["bytes"] // 2, torch.bfloat16, torch.device("cpu"))
        host = host.pin_memory() if self._pinned else host
        here = torch.empty_like(host, device=device)
        source, target = (host, here) if self._to_device else (here, host)
        return Work(lambda: target.copy_(source, non_blocking=self._pinned), *self.counts(shape))


PROBES = (
    MemoryCopy(),
    HostCopy("host-copy", to_device=True, pinned=True),
    HostCopy("host-copy-back", to_device=False, pinned=True),
    HostCopy("host-copy-pageable", to_device=True, pinned=False),
    HostCopy("host-copy-back-pageable", to_device=False, pinned=False),
)
