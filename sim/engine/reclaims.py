"""Spot nodes at work: announced to go, they take no new gang; when they go, runs that had time to write a checkpoint keep their work."""

from collections.abc import Iterator

from sim.engine.absences import Absence
from sim.engine.clock import LOSS
from sim.engine.pool import Change
from sim.engine.volatile_pool import VolatilePool
from sim.engine.watch import Watch


def reclaims(pool: VolatilePool, watch: Watch, node: int, absences: Iterator[Absence], expected_s: float) -> Change:
    """Take one node of the pool and give it back, for as long as there is work; `expected_s` is how long it is expected to stay away."""
    clock = pool.clock
    for one in absences:
        yield clock.until(one.warned_s)
        if not watch.work_left():
            return
        pool.announce(node)
        yield clock.until(one.gone_s, LOSS)
        pool.back_s = one.gone_s + expected_s
        pool.evict([node], one.gone_s - one.warned_s)
        if one.back_s == float("inf"):
            return
        yield clock.until(one.back_s)
        pool.give_back(node)
