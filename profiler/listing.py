"""Every probe, found by name, as ``leadtime profile --list`` shows it."""

from profiler.torch_import import require_torch
from sim.cost.listed_probe import ListedProbe


def listed_probes(device: str) -> list[ListedProbe]:
    """Every probe by name, for ``cpu``, ``cuda`` or the one that ``auto`` finds; InputError where torch or the device is missing."""
    require_torch()
    from profiler.device import choose
    from profiler.probes import all_probes

    chosen, listed = choose(device), []
    for name, probe in sorted(all_probes().items()):
        quick, full = (probe.shapes(chosen, quick=quick) for quick in (True, False))
        counted = sorted(((probe.counts(shape), shape) for shape in (*quick, *full)), key=lambda one: (one[0][1], one[0][0]))
        (moved, flops), largest = counted[-1] if counted else ((0.0, 0.0), None)
        listed.append(ListedProbe(name, probe.measures, probe.anchor, len(quick), len(full), largest, moved, flops))
    return listed
