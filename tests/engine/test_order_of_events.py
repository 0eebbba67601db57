"""What happens at one instant: capacity comes, work ends, capacity goes, new work comes."""

from collections.abc import Callable

import pytest

from sim.engine.absences import Absence
from sim.engine.blocks import windows
from sim.engine.expiries import expiry
from sim.engine.failures import NODE_FAILURE, POOL_OUTAGE, RACK_OUTAGE, Downtime
from sim.engine.outages import breakdowns
from sim.engine.pool import PoolPlan
from sim.engine.reclaims import reclaims
from sim.engine.simulation import simulate
from sim.scenario.elastic import AtExpiry
from tests.engine.test_volatile_pool import table

MakePool = Callable[..., PoolPlan]


def breaking(cause: str, nodes: tuple[int, ...] | None) -> object:
    return lambda site, watch: breakdowns(site, watch, iter([Downtime(100.0, 50.0, 50.0, cause, nodes)]))


def taking(warned_s: float) -> object:
    return lambda site, watch: reclaims(site, watch, 0, iter([Absence(warned_s, 100.0, 150.0)]), 50.0)


def expiring(how: AtExpiry) -> object:
    return lambda site, _: expiry(site, 100.0, 1, how)


@pytest.mark.parametrize(
    ("change", "terms", "second"),
    [
        (breaking(NODE_FAILURE, (0,)), {}, 150.0),
        (breaking(RACK_OUTAGE, (0,)), {}, 150.0),
        (breaking(POOL_OUTAGE, None), {}, 150.0),
        (taking(100.0), {}, 150.0),
        (taking(90.0), {}, 150.0),
        (expiring("interrupt"), {"expiring": 1}, 200.0),
        (expiring("drain"), {"expiring": 1}, 200.0),
        (lambda site, _: windows(site, 1, [(0.0, 100.0)]), {"expiring": 1}, 200.0),
    ],
)
def test_work_that_ends_as_its_node_goes_is_done(pool: MakePool, change: object, terms: dict[str, object], second: float) -> None:
    """All goes at 100 s, when the first job ends: it lost nothing. The second ran for no instant before there were nodes again."""
    plan = pool(1, 8, changes=(change,), **terms)
    plans = [plan, pool(0, 8, deliveries=((200.0, 1),), promised=(200.0,))]
    records = simulate(table([(0.0, 8, 100.0), (1.0, 8, 10.0)]), plans)
    assert not records.attempts
    assert records.start_s.tolist() == [0.0, second]
    assert records.end_s.tolist() == [100.0, second + 10.0]


def test_nodes_that_come_as_others_go_are_there_for_what_lost_its_own(pool: MakePool) -> None:
    """One node is delivered at 100 s, when the other breaks: the run on that goes on there at once."""
    plan = pool(1, 8, deliveries=((100.0, 1),), promised=(100.0,), changes=(breaking(NODE_FAILURE, (0,)),))
    records = simulate(table([(0.0, 8, 150.0)], checkpoint_s=50.0), [plan])
    assert [(one.end_s, one.lost_s) for one in records.attempts] == [(100.0, 0.0)]
    assert records.start_s.tolist() == [100.0]
    assert records.end_s.tolist() == [150.0]


def test_work_that_comes_as_nodes_go_does_not_start_on_them(pool: MakePool) -> None:
    """It waits until they are mended."""
    records = simulate(table([(100.0, 8, 10.0)]), [pool(1, 8, changes=(breaking(POOL_OUTAGE, None),))])
    assert not records.attempts
    assert records.start_s.tolist() == [150.0]
