"""Earlier deliveries: dates move by exactly what is asked, all else stays, and the comparison says what it is worth."""

from pathlib import Path

import pytest

from sim.engine.supply import pool_plans
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.study.comparison import run_plans
from sim.study.earlier import earlier_documents

DAY = 86400.0


def document(small: Path) -> Document:
    """Half of the work's capacity comes late."""
    base = open_document(str(small)).override("providers.second", None).override("policy", None)
    return base.override("providers.first.pools.a.deliveries", [{"nodes": 2, "after": {"median": "5 d", "p95": "8 d"}}])


def test_a_date_moves_by_what_is_asked_and_never_before_the_start(small: Path) -> None:
    """The same draw, two days less; a year earlier is at once."""
    scenario = validate(document(small))
    for replication in range(3):
        (plan,) = pool_plans(scenario, [0], replication)
        ((date, nodes),) = plan.deliveries
        for span, expected in (("2 d", date - 2 * DAY), ("365 d", 0.0)):
            moved = validate(document(small).override("providers.first.pools.a.deliveries.0.earlier", span))
            (other,) = pool_plans(moved, [0], replication)
            ((found, count),) = other.deliveries
            assert (found, count) == (pytest.approx(max(expected, 0.0)), nodes)


def test_earlier_nodes_wait_less_and_cost_their_days(small: Path) -> None:
    """Two days of two nodes of eight GPUs at the reserved price, wherever all of them lie inside the horizon; waits do not grow."""
    study = run_plans(earlier_documents(document(small), ["2 d"]))
    (plan,) = study.comparison.differences
    assert plan == "2 nodes of a 2 d earlier"
    cost, wait = study.comparison.differences[plan]["cost.usd"], study.comparison.differences[plan]["wait.mean"]
    assert cost.values == pytest.approx([2 * 24 * 16 * 2.20] * 3)
    assert all(value is not None and value <= 0 for value in wait.values)


def test_what_cannot_come_earlier_is_refused(small: Path) -> None:
    """No delivery, or no duration."""
    with pytest.raises(InputError, match="delivers nothing"):
        earlier_documents(open_document(str(small)), ["1 w"])
    with pytest.raises(InputError, match=r"--earlier: .*found '3', which has no unit|--earlier: .*no unit"):
        earlier_documents(document(small), ["3"])


def test_a_delivery_of_no_nodes_cannot_come_earlier(small: Path) -> None:
    """And every other plan knows its name, so that its errors can say it."""
    key = "providers.first.pools.a.deliveries"
    none = {"nodes": 0, "after": "9 d"}
    with pytest.raises(InputError, match="delivers nothing"):
        earlier_documents(document(small).override(key, [none]), ["2 d"])
    plans = earlier_documents(document(small).override(key, [none, {"nodes": 2, "after": "5 d"}]), ["2 d"])
    assert list(plans) == ["as written", "2 nodes of a no 2 2 d earlier"]
    assert [one.plan for one in plans.values()] == list(plans)
