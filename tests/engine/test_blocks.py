"""Capacity blocks: nodes are there in their windows, to the second, and at no other time."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.blocks import windows
from sim.engine.pool import PoolPlan
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.results.paid import held_spans
from sim.results.usage import runs
from tests.engine.test_volatile_pool import ROW, assert_conserved, table


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=30),
    gaps=st.lists(st.tuples(st.floats(0.5, 30), st.floats(1.0, 40)), min_size=1, max_size=3),
    checkpoint=st.sampled_from([2.0, np.inf]),
)
def test_blocks_hold_exactly_their_windows(
    pool: Callable[..., PoolPlan], rows: list[tuple[float, int, float]], gaps: list[tuple[float, float]], checkpoint: float
) -> None:
    """Whatever the jobs: capacity is nodes × windows, every run on it lies in one of them, and no job is lost at their ends."""
    now, spans = 0.0, []
    for before, length in gaps:
        spans.append((now + before, now + before + length))
        now += before + length
    starts = tuple(start for start, _ in spans)
    block = pool(0, 8, deliveries=((starts[0], 2),), promised=starts, expiring=2, changes=(lambda site, _: windows(site, 2, spans),))
    jobs = table(rows, checkpoint_s=checkpoint)
    records = simulate(jobs, [block, pool(3, 8)], routing=RoutingTerms(overflow_s=60.0))
    assert_conserved(jobs, records, [16, 24])
    held = held_spans(0, block, records)
    for low, high in spans:
        assert held.integral(low, high) == pytest.approx(16 * (high - low))
    assert held.integral(0.0, 1e6) == pytest.approx(16 * sum(high - low for low, high in spans))
    run = runs(jobs, records)
    for start, end in zip(run.start_s[run.pool == 0], run.end_s[run.pool == 0], strict=True):
        assert any(low <= start and end <= high for low, high in spans)
