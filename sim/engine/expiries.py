"""Nodes whose contract ends: from that date they take no new gang, and leave at once or when those on them are done."""

from sim.engine.clock import LOSS, SUPPLY
from sim.engine.pool import Change
from sim.engine.volatile_pool import VolatilePool
from sim.scenario.elastic import AtExpiry

EXPIRY = "expiry"


def expiry(pool: VolatilePool, after_s: float, count: int, at_expiry: AtExpiry) -> Change:
    """`count` nodes leave `after_s`, those with the fewest runs first; fewer where fewer are there (a delivery may be later still)."""
    # Nodes that drain close before work that ends then could hand them on; those whose runs are interrupted go after it has ended.
    yield pool.clock.until(after_s, SUPPLY if at_expiry == "drain" else LOSS)
    nodes = pool.staying()[:count]
    pool.leave(nodes, EXPIRY)
    if at_expiry == "interrupt":
        pool.evict(nodes, 0.0)
    pool.lose_for_good(len(nodes))
