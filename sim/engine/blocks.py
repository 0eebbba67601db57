"""Capacity blocks at work: nodes that are there from a window's start to its end, to the second, and at no other time."""

from collections.abc import Sequence

from sim.engine.clock import LOSS
from sim.engine.pool import Change
from sim.engine.volatile_pool import VolatilePool

BLOCK_END = "block end"


def windows(pool: VolatilePool, nodes: int, spans: Sequence[tuple[float, float]]) -> Change:
    """`nodes` leave at the end of each of `spans` and come again with the next; the first is a delivery of the pool's plan."""
    clock = pool.clock
    for number, (start, end) in enumerate(spans):
        if number:
            yield clock.until(start)
            pool.come(nodes)
        yield clock.until(end, LOSS)
        here = pool.staying()
        pool.leave(here, BLOCK_END)
        pool.evict(here, 0.0)
        if number == len(spans) - 1:
            pool.lose_for_good(len(here))
