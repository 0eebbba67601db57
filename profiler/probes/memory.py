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
        sizes = (48, 64, 80, 96, 128, 160, 192) if quick else (48, 64, 96, 128, 192, 256, 320, 384, 512, 640, 768, 1024)
        scale = 1 if device.type == "cpu" else 4
        return [{"bytes": size * MIB * scale} for size in sizes]

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        source = random_numbers(shape["bytes"] // 2, torch.bfloat16, device)
        target = torch.empty_like(source)
        return Work(lambda: target.copy_(source), 2.0 * shape["bytes"], 0.0)


class HostCopy:
    name = family = "host-copy"
    dtype = "bytes"
    measures = "copy from pinned host memory to the device"
    anchor = False

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        if device.type == "cpu":
            return []
        sizes = (16, 48, 128, 256, 512) if quick else (8, 16, 32, 48, 96, 128, 192, 256, 512, 1024)
        return [{"bytes": size * MIB} for size in sizes]

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        source = random_numbers(shape["bytes"] // 2, torch.bfloat16, torch.device("cpu")).pin_memory()
        target = torch.empty_like(source, device=device)
        return Work(lambda: target.copy_(source, non_blocking=True), float(shape["bytes"]), 0.0)


PROBES = (MemoryCopy(), HostCopy())
