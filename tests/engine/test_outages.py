"""Everything at once unavailable: the nodes that are there, and those that come while it lasts."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine.autoscaler import autoscale
from sim.engine.blocks import windows
from sim.engine.failures import POOL_OUTAGE, Downtime
from sim.engine.outages import breakdowns
from sim.engine.pool import PoolPlan
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.results.usage import runs
from sim.scenario.elastic import Elastic
from tests.engine.test_volatile_pool import ROW, assert_conserved, table

MakePool = Callable[..., PoolPlan]


def out(*spans: tuple[float, float]) -> object:
    downtimes = [Downtime(start, end - start, end - start, POOL_OUTAGE) for start, end in spans]
    return lambda site, watch: breakdowns(site, watch, iter(downtimes))


def late(at_s: float, nodes: int = 1) -> dict[str, object]:
    return {"deliveries": ((at_s, nodes),), "promised": (at_s,)}


@pytest.mark.parametrize("spans", [[(10.0, 90.0)], [(10.0, 70.0), (40.0, 90.0)], [(10.0, 90.0), (40.0, 60.0)]])
def test_a_node_delivered_in_an_outage_is_out_until_its_end(pool: MakePool, spans: list[tuple[float, float]]) -> None:
    """Delivered at 50 s, in one outage or in two that overlap; it counts as broken until 90 s."""
    records = simulate(table([(0.0, 8, 20.0)]), [pool(0, 8, **late(50.0), changes=(out(*spans),))])
    assert not records.attempts
    assert records.start_s.tolist() == [90.0]
    assert records.down == [(0, 50.0, 8), (0, 90.0, 0)]


def test_a_node_grown_in_an_outage_is_neither_used_nor_paid_until_its_end(pool: MakePool) -> None:
    """Asked for at 10 s it comes at 40 s, and is there from 90 s on."""
    word = Elastic.model_validate({"max": 1, "scale-up": {"queue-wait": "10 s"}, "idle": "1 min", "every": "10 s"})
    changes = (out((20.0, 90.0)), lambda site, watch: autoscale(site, watch, word, lambda: 30.0))
    plan = pool(0, 8, grows_to=1, metered=True, changes=changes)
    records = simulate(table([(0.0, 8, 20.0)]), [plan])
    assert records.start_s.tolist() == [90.0]
    assert records.leases[0][0].tolist() == [90.0]


def test_a_block_that_begins_in_an_outage_is_out_until_its_end(pool: MakePool) -> None:
    """Its first window ends before the outage does; its second begins in it, at 60 s."""
    changes = (out((10.0, 90.0)), lambda site, _: windows(site, 1, [(20.0, 40.0), (60.0, 200.0)]))
    records = simulate(table([(0.0, 8, 20.0)]), [pool(0, 8, **late(20.0), expiring=1, changes=changes)])
    assert not records.attempts
    assert records.start_s.tolist() == [90.0]


def test_a_broker_counts_on_no_delivery_in_an_outage(pool: MakePool) -> None:
    """A node due at 50 s is expected at 500 s, when the outage is over; who would wait for 100 s at most goes elsewhere."""
    plans = [pool(0, 8, **late(50.0), changes=(out((10.0, 500.0)),)), pool(1, 8)]
    records = simulate(table([(20.0, 8, 5.0), (60.0, 8, 5.0), (450.0, 8, 5.0)]), plans, routing=RoutingTerms(overflow_s=100.0))
    assert records.pool.tolist() == [1, 1, 0]
    assert records.start_s.tolist() == [20.0, 60.0, 500.0]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=30),
    spans=st.lists(st.tuples(st.floats(0, 120), st.floats(0.1, 40)), min_size=1, max_size=4),
    deliveries=st.lists(st.tuples(st.floats(0, 120), st.integers(1, 2)), min_size=1, max_size=4),
)
def test_nothing_runs_in_an_outage(
    pool: MakePool, rows: Sequence[tuple[float, int, float]], spans: list[tuple[float, float]], deliveries: list[tuple[float, int]]
) -> None:
    """Whatever is delivered when, and however outages overlap; after the last of them all nodes are there again."""
    edges = sorted((start, start + lasts) for start, lasts in spans)
    nodes = 3 + sum(count for _, count in deliveries)
    plan = pool(3, 8, deliveries=tuple(deliveries), promised=tuple(at for at, _ in deliveries), changes=(out(*edges),))
    jobs = table([*rows, (9000.0, 8 * nodes, 1.0)], checkpoint_s=5.0)
    records = simulate(jobs, [plan])
    assert_conserved(jobs, records, [8 * nodes])
    run = runs(jobs, records)
    for start, end in edges:
        assert (np.minimum(run.end_s, end) <= np.maximum(run.start_s, start)).all()
    assert records.start_s[-1] == 9000.0
    assert not records.down or records.down[-1][2] == 0
