"""When more capacity never lengthens a wait under strict FIFO, and when it can.

A job starts at the latest of its arrival, the start of the one before it, and the time when enough GPUs are free. By induction over the
queue: with more GPUs every earlier job has started no later, so of those that run when the last of them has started fewer or the same
still run, and the next fits no later. This needs that a gang fits whenever its number of GPUs is free: spread gangs, or packed ones of one
size that divides a node, or of whole nodes. Packed gangs of mixed sizes can be scattered so that more nodes fit less.
"""

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.pool import PoolPlan
from sim.engine.simulation import simulate
from tests.engine.test_volatile_pool import table

SIZES = {"spread": [1, 2, 3, 5, 8, 13, 16], "pack ones": [1], "pack quarters": [2], "pack whole nodes": [8, 16]}


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(0, 50), st.integers(0, 6), st.floats(0.1, 40)), min_size=1, max_size=40),
    sizes=st.sampled_from(sorted(SIZES)),
    nodes=st.integers(2, 4),
    more=st.integers(1, 3),
    when=st.sampled_from([0.0, 10.0, 30.0]),
)
def test_more_capacity_never_lengthens_a_wait(
    pool: Callable[..., PoolPlan], rows: list[tuple[float, int, float]], sizes: str, nodes: int, more: int, when: float
) -> None:
    """Job by job, whether the nodes more are there from the start or delivered later."""
    placement, choices = sizes.split(" ")[0], SIZES[sizes]
    jobs = table([(arrival, choices[which % len(choices)], run) for arrival, which, run in rows])
    few = simulate(jobs, [pool(nodes, 8, placement)])
    extra = {"deliveries": ((when, more),), "promised": (when,)} if when else {}
    many = simulate(jobs, [pool(nodes if when else nodes + more, 8, placement, **extra)])
    assert (many.start_s <= few.start_s + 1e-9).all()


def test_packed_gangs_of_mixed_sizes_may_wait_longer_for_a_third_node(pool: Callable[..., PoolPlan]) -> None:
    """The condition is needed: with nodes of 4 GPUs, the seventh job starts at 7 s on two of them, and at 9 s on three."""
    rows = [(0.0, 4, 3.0), (1.0, 1, 8.0), (1.0, 2, 5.0), (1.0, 3, 4.0), (2.0, 2, 8.0), (3.0, 1, 6.0), (3.0, 4, 3.0)]
    starts = [simulate(table(rows), [pool(nodes, 4)]).start_s for nodes in (2, 3)]
    assert [float(one[-1]) for one in starts] == [7.0, 9.0]
    assert np.mean(starts[1]) < np.mean(starts[0])
