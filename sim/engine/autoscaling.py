"""How many nodes an elastic pool should have: pure rules over what it is doing now, and over what it needed lately.

Growing follows the pool's trigger (`sim.scenario.elastic.ScaleUp`). Shrinking follows the fewest nodes that stood free at any time in the
last `idle` seconds: those were not needed in all that time.
"""

from collections import deque
from dataclasses import dataclass
from math import ceil

from sim.scenario.elastic import ScaleUp


@dataclass(frozen=True)
class Load:
    """A pool at one instant. `first_*` are of the job first in line (zeros where none waits); work in GPU-seconds."""

    nodes: int
    gpus_per_node: int
    busy_gpus: int
    waiting_gpu_s: float
    first_wait_s: float
    first_gpus: int


def wanted_nodes(rule: ScaleUp, load: Load) -> int:
    """Nodes the trigger asks for; what there is where it is not over its threshold."""
    size = load.gpus_per_node
    if rule.headroom is not None:
        # The first in line counts as running: a pool too small for it must grow for it.
        return max(load.nodes, ceil((load.busy_gpus + load.first_gpus) / (1 - rule.headroom) / size - 1e-9))
    if rule.queue_wait is not None:
        over, per_node = load.first_gpus and load.first_wait_s >= rule.queue_wait, rule.queue_wait * size
    else:
        assert rule.backlog is not None
        over, per_node = load.waiting_gpu_s >= rule.backlog, rule.backlog
    if not over:
        return load.nodes
    in_use = ceil(load.busy_gpus / size)
    return max(load.nodes, in_use + max(ceil(load.waiting_gpu_s / per_node), ceil(load.first_gpus / size)))


class SpareNodes:
    """The fewest free nodes over the last `span_s` seconds: a sliding minimum, constant work a look on average."""

    def __init__(self, span_s: float) -> None:
        self._span = span_s
        self._since: float | None = None
        self._lows: deque[tuple[float, int]] = deque()

    def note(self, now: float, free: int) -> int:
        """Count `free` nodes now; the nodes spare for the whole span, 0 until it has passed once."""
        if self._since is None:
            self._since = now
        while self._lows and self._lows[-1][1] >= free:
            self._lows.pop()
        self._lows.append((now, free))
        while self._lows[0][0] < now - self._span:
            self._lows.popleft()
        return self._lows[0][1] if now - self._since >= self._span else 0

    def forget(self) -> None:
        """Start the span anew: the pool has changed size."""
        self._since = None
        self._lows.clear()
