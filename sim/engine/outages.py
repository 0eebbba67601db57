"""Downtimes at work on a pool: nodes break when the streams of `sim.engine.failures` say so, and are mended when their repair is over."""

from collections.abc import Iterator, Sequence

from sim.engine.clock import LOSS
from sim.engine.failures import NODE_FAILURE, Downtime
from sim.engine.pool import Change
from sim.engine.volatile_pool import VolatilePool
from sim.engine.watch import Watch


def breakdowns(pool: VolatilePool, watch: Watch, downtimes: Iterator[Downtime]) -> Change:
    """Break nodes for as long as there is work."""
    clock = pool.clock
    for one in downtimes:
        yield clock.until(one.at_s, LOSS)
        if not watch.work_left():
            return
        nodes = _nodes_hit(pool, one)
        if nodes is None or nodes:
            pool.back_s = clock.now + one.expected_s
            pool.fail(nodes, one.cause)
            clock.process(_repair(pool, nodes, one.at_s + one.lasts_s))


def _nodes_hit(pool: VolatilePool, one: Downtime) -> Sequence[int] | None:
    if one.nodes is None:
        return None
    if one.cause == NODE_FAILURE:
        return [node for node in one.nodes if pool.is_up(node)]
    return [node for node in one.nodes if node < pool.known]


def _repair(pool: VolatilePool, nodes: Sequence[int] | None, at_s: float) -> Change:
    yield pool.clock.until(at_s)
    pool.mend(nodes)
