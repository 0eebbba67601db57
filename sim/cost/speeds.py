"""How fast a device was just then, where others share it: a virtual machine's memory and cores are its neighbours' too."""

from collections.abc import Iterable
from statistics import median
from typing import Self

from sim.cost.fit import Part, Positive


class Speeds(Part):
    """Its memory, when read from end to end, and its cores, at an fp32 product of operands in their caches."""

    memory_bytes_per_s: Positive
    cores_flops_per_s: Positive

    @classmethod
    def usual(cls, told: Iterable[Self | None]) -> Self | None:
        """The median of each among those that are known; None where none is."""
        known = [one for one in told if one is not None]
        if not known:
            return None
        return cls(
            memory_bytes_per_s=median(one.memory_bytes_per_s for one in known),
            cores_flops_per_s=median(one.cores_flops_per_s for one in known),
        )

    def __str__(self) -> str:
        memory, cores = self.memory_bytes_per_s / 1e9, self.cores_flops_per_s / 1e9
        return f"memory was read at {memory:.0f} GB/s, cores multiplied at {cores:.0f} GFLOP/s"
