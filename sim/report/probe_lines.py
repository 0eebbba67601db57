"""The profiler's probes as lines of text: names, what they measure, and under it what that costs."""

from collections.abc import Sequence

from sim.cost.listed_probe import ListedProbe

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def probe_lines(probes: Sequence[ListedProbe]) -> list[str]:
    """Two lines a probe."""
    width = max(len(probe.name) for probe in probes) + 2
    return [line for probe in probes for line in (f"{probe.name:<{width}}{probe.measures}", f"{'':<{width}}{_cost(probe)}")]


def _cost(probe: ListedProbe) -> str:
    if probe.largest is None:
        return "not on this device"
    largest = ", ".join(f"{name} {size}" for name, size in probe.largest.items())
    counts = [f"{_scaled(count)}{unit}" for count, unit in ((probe.bytes, "B"), (probe.flops, "FLOP")) if count]
    kind = "anchor, never fitted; " if probe.anchor else ""
    return f"{kind}{_shapes(probe)}, up to {largest}: {' and '.join(counts)} a call"


def _shapes(probe: ListedProbe) -> str:
    return (
        f"{probe.quick_shapes} shapes quick, {probe.full_shapes} full" if probe.quick_shapes else f"{probe.full_shapes} shapes, full only"
    )


def _scaled(count: float) -> str:
    unit, prefix = next((unit, prefix) for unit, prefix in PREFIXES if count >= unit or unit == 1.0)
    return f"{count / unit:.3g} {prefix}"
