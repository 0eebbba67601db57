"""The one door to torch: everything here needs it, the simulator never does."""

from importlib import import_module

from sim.scenario.errors import InputError


def require_torch() -> None:
    """InputError with the remedy where torch is not installed."""
    try:
        import_module("torch")
    except ImportError:
        raise InputError.of("profiling needs torch; install leadtime[profiler], as in: pip install 'leadtime[profiler]'") from None
