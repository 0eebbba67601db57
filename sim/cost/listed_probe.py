"""A probe of the profiler as it is shown: what it measures, in how many shapes, and what its largest call costs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ListedProbe:
    """A probe on one kind of device. `largest` is the shape of most operations (or bytes), with what one call of it moves and computes."""

    name: str
    measures: str
    anchor: bool
    quick_shapes: int
    full_shapes: int
    largest: dict[str, int] | None
    bytes: float
    flops: float
