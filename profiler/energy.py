"""What a device draws while a call is repeated, by its own counter of joules.

A counter that steps every few tens of milliseconds says little of a short window, so the window is long, and starts and ends at a step:
what is counted then is whole steps. It is the power of the whole device, idle power included, as a bill would have it. A call's joules are
this times its seconds: those that were counted would hold the time in which the device waits for its host between short calls, which the
call's seconds do not.
"""

from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 0.6
"""Many steps of the counter (some 20 to 100 ms; Yang et al., arXiv 2312.02741, measured them on 70 NVIDIA GPUs)."""
PATIENCE_S = 3.0
"""For a counter's next step; one that stands still for longer counts nothing."""
APART_S = 0.02
"""Between two questions to the driver, whose answer may take longer than a short call: asked after each, the GPU would mostly idle, and
what it draws then would count as the calls'."""


@dataclass(frozen=True)
class Step:
    """The counter just after it moved."""

    joules: float
    at_s: float


def power_while(call: Callable[[], object], counter: Callable[[], float | None], clock: Callable[[], float]) -> float | None:
    """Watts while the call is repeated; None where the counter is absent, stands still, or goes back.

    `call` ends when its work has ended; `counter` is in joules, `clock` in seconds.
    """

    def next_step(after_s: float) -> Step | None:
        """Call on until the counter moves, `after_s` from now or later."""
        began, before = clock(), counter()
        while before is not None and clock() - began < after_s + PATIENCE_S:
            asked_s = clock()
            while clock() - asked_s < APART_S:
                call()
            now = counter()
            if now is None or now < before:
                return None
            if now > before and clock() - began >= after_s:
                return Step(now, clock())
            before = now
        return None

    first = next_step(0.0)
    last = next_step(WINDOW_S) if first is not None else None
    if first is None or last is None or last.joules <= first.joules:
        return None
    return (last.joules - first.joules) / (last.at_s - first.at_s)
