"""Collectives between devices of one node, by bytes over each one's link: what gradients and sharded weights cross in training."""

from pathlib import Path

import torch

from profiler.probes import Shape, Work
from profiler.process_group import Collective, group_here, members

MIB = 2**20
CROSSINGS: dict[Collective, int] = {"all-reduce": 2, "all-gather": 1, "reduce-scatter": 1}
"""Times that (g−1)/g of the bytes cross a link in a ring (Patarasuk & Yuan, JPDC 2009)."""
GROUPED = tuple(CROSSINGS)
"""Probes whose process has joined a group: gloo's own threads then compute too, more threads exist than cores, and OpenMP's no longer spin
while they wait for work, for as long as the process lives. Whatever else it measured would wake them afresh for every operation (on two
Zen 5 cores: 0.47 ms for a rotary pass that takes 0.17)."""


class CollectiveProbe:
    dtype = "fp32"
    anchor = False

    def __init__(self, collective: Collective) -> None:
        self.name = self.family = collective
        self.measures = f"{collective} between all GPUs here (NCCL), or between two processes on a CPU (gloo); bytes over a link"
        self._collective: Collective = collective

    def shapes(self, device: torch.device, *, quick: bool) -> list[Shape]:
        """In a full profile alone, because the other processes take seconds to start; none where one GPU has no other."""
        world = members(device.type)
        if quick or world < 2:
            return []
        sizes = (1, 2, 4, 8, 12, 16, 24, 32) if device.type == "cpu" else (4, 8, 16, 32, 64, 128, 256, 512, 1024)
        return [{"bytes": size * MIB, "devices": world} for size in sizes]

    def counts(self, shape: Shape) -> tuple[float, float]:
        return CROSSINGS[self._collective] * (shape["devices"] - 1) / shape["devices"] * shape["bytes"], 0.0

    def prepare(self, shape: Shape, device: torch.device, folder: Path) -> Work:  # noqa: ARG002
        return Work(group_here(device.type).call(self._collective, shape["bytes"]), *self.counts(shape), warm_up=2, cold=False)


PROBES = tuple(map(CollectiveProbe, CROSSINGS))
