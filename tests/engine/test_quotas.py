"""A provider's quota: the pools under it never have more GPUs at once, whatever runs and whatever idles warm, and no job is lost."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.engine.expiries import expiry
from sim.engine.placement import PackedNodes
from sim.engine.pool import PoolPlan
from sim.engine.queue_terms import QueueTerms
from sim.engine.quotas import Quota
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.engine.warm_nodes import WarmNodes
from sim.results.blocked import REASONS, blocked_seconds
from tests.engine.test_reclaims import SPELL, absences, taking
from tests.engine.test_volatile_pool import assert_conserved, table

ROW = st.tuples(st.floats(0, 60), st.sampled_from([1, 2, 5, 8, 16]), st.floats(0.5, 30))


def most_at_once(spans: list[tuple[float, float, int]]) -> int:
    """The most of all spans together, those that end when others begin being over."""
    times = np.array([end for _, end, _ in spans] + [start for start, _, _ in spans])
    change = np.array([-gpus for _, _, gpus in spans] + [gpus for _, _, gpus in spans])
    return int(np.cumsum(change[np.lexsort((change, times))]).max(initial=0))


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=40),
    quota=st.sampled_from([16, 20, 24, 32]),
    spells=st.lists(st.lists(SPELL, max_size=3), min_size=3, max_size=3),
    backfill=st.sampled_from([None, "easy", "conservative"]),
    warm=st.sampled_from([0.0, 6.0, 40.0]),
)
def test_a_quota_is_never_exceeded_and_loses_no_job(
    pool: Callable[..., PoolPlan],
    rows: list[tuple[float, int, float]],
    quota: int,
    spells: list[list[tuple[float, float, float]]],
    backfill: str | None,
    warm: float,
) -> None:
    """Three pools of one provider, nodes of two sizes, one of whose nodes are taken away now and then."""
    jobs = table(rows, checkpoint_s=4.0)
    leased = {"keep_warm_s": warm, "draw_delay": lambda: 1.5, "mean_delay_s": 1.5, "quota": ("p on-demand", quota)}
    plans = [pool(3, 8, **leased), pool(3, 8, changes=taking([absences(one) for one in spells]), **leased), pool(4, 4, **leased)]
    records = simulate(jobs, plans, queue=QueueTerms(backfill=backfill), routing=RoutingTerms(overflow_s=2.0))
    assert_conserved(jobs, records, [24, 24, 16])
    spans = [
        (start, end, plans[index].gpus_per_node)
        for index, (from_s, to_s) in records.leases.items()
        for start, end in zip(from_s.tolist(), to_s.tolist(), strict=True)
    ]
    assert most_at_once(spans) <= quota


def test_one_pools_end_lets_the_other_begin(pool: Callable[..., PoolPlan]) -> None:
    """One node for two pools: the second's job waits until the first's ends, then starts at that instant; warm nodes are given back."""
    leased = {"keep_warm_s": 100.0, "quota": ("p spot", 8)}
    first, second = pool(2, 8, **leased), pool(2, 8, **leased)
    jobs = JobTable.build(np.array([0.0, 1.0]), np.array([8, 8], np.int32), np.array([50.0, 20.0]))
    records = simulate(jobs, [first, second], routing=RoutingTerms("round-robin"))
    assert records.pool.tolist() == [0, 1]
    assert records.start_s.tolist() == [0.0, 50.0]
    assert [records.leases[index][1].tolist() for index in (0, 1)] == [[50.0], [170.0]]


def test_a_gang_over_the_quota_can_never_run(pool: Callable[..., PoolPlan]) -> None:
    """Four nodes, of which two may be had: 16 GPUs at most."""
    assert pool(4, 8, keep_warm_s=0.0, quota=("p spot", 23)).most_gpus == 16
    assert pool(4, 8, keep_warm_s=0.0).most_gpus == pytest.approx(32)


def test_nodes_that_expire_take_nothing_from_a_quota_that_the_others_fill(pool: Callable[..., PoolPlan]) -> None:
    """Of four nodes two may be had at once; when two have gone for good, a gang of two nodes still runs, and one that waits stays."""
    gone = {"expiring": 2, "changes": (lambda site, _: expiry(site, 100.0, 2, "drain"),)}
    plan = pool(4, 8, keep_warm_s=0.0, quota=("p on-demand", 16), **gone)
    assert (plan.most_gpus, plan.lasting_gpus) == (16, 16)
    jobs = table([(50.0, 16, 80.0), (60.0, 16, 20.0), (500.0, 16, 20.0)])
    records = simulate(jobs, [plan, pool(2, 8)], routing=RoutingTerms(overflow_s=1e6))
    assert records.pool.tolist() == [0, 0, 0]
    assert records.start_s.tolist() == [50.0, 130.0, 500.0]


def test_a_delivery_adds_to_the_nodes_held_whatever_the_quota_holds_back(pool: Callable[..., PoolPlan]) -> None:
    """While the other pool uses the quota up, a fourth node comes: four are held, all closed, and a gang waits for the quota alone."""
    leased = {"keep_warm_s": 0.0, "quota": ("p on-demand", 16)}
    jobs = table([(0.0, 16, 100.0), (1.0, 16, 10.0)])
    plans = [pool(2, 8, **leased), pool(3, 8, deliveries=((50.0, 1),), promised=(50.0,), **leased)]
    records = simulate(jobs, plans, routing=RoutingTerms("round-robin"))
    assert [(at, gpus) for which, at, gpus in records.capacity if which == 1] == [(0.0, 24), (50.0, 32)]
    assert (1, 50.0, 32) in records.closed
    reasons = dict(zip(REASONS, blocked_seconds(jobs, records)[1].tolist(), strict=True))
    assert {reason: waited for reason, waited in reasons.items() if waited} == {"quota": 99.0}


def test_nodes_that_easy_puts_aside_for_the_first_in_line_count_under_the_quota(pool: Callable[..., PoolPlan]) -> None:
    """Of 40 GPUs a gang has 24 until 20 s, and who is first in line is to have 32 then: beside it one node is free for the third job, which
    leaves one for the fourth that asks for two, though eight nodes are there."""
    rows = [(0.0, 24, 20.0), (1.0, 32, 10.0), (2.0, 8, 100.0), (3.0, 16, 5.0)]
    plan = pool(8, 8, keep_warm_s=0.0, quota=("p on-demand", 40))
    records = simulate(table(rows), [plan], queue=QueueTerms(backfill="easy"))
    assert records.start_s.tolist() == [0.0, 20.0, 2.0, 30.0]


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(ROW, min_size=1, max_size=40),
    spells=st.lists(st.lists(SPELL, max_size=3), min_size=3, max_size=3),
    warm=st.sampled_from([0.0, 6.0, 40.0]),
)
def test_a_quota_knows_which_nodes_idle_warm(
    pool: Callable[..., PoolPlan], rows: list[tuple[float, int, float]], spells: list[list[tuple[float, float, float]]], warm: float
) -> None:
    """At each change they are those that a look at every node finds: open, free and leased."""
    real = Quota._give_up_warm

    def looking(self: Quota, left: int) -> None:
        for member in self._members:
            now, leases = member.pool.clock.now, member.pool.leases
            found = [node for node in member._nodes.whole_nodes_free() if leases.warm_until(node) >= now]
            assert member.warm_gpus() == len(found) * member.size
            assert not found or member.warm.first() == min((leases.warm_until(node), node) for node in found)
        real(self, left)

    leased = {"keep_warm_s": warm, "draw_delay": lambda: 1.5, "mean_delay_s": 1.5, "quota": ("p on-demand", 24)}
    plans = [pool(3, 8, changes=taking([absences(one) for one in spells]), **leased), pool(4, 4, **leased)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Quota, "_give_up_warm", looking)
        simulate(table(rows, checkpoint_s=4.0), plans, routing=RoutingTerms(overflow_s=2.0))


def test_a_quota_that_never_binds_lists_no_nodes(pool: Callable[..., PoolPlan], monkeypatch: pytest.MonkeyPatch) -> None:
    """What it costs does not grow with its pools, which may have thousands of nodes."""

    def listed(self: PackedNodes) -> list[int]:
        raise AssertionError(f"listed {self.free_whole_nodes} free nodes")

    monkeypatch.setattr(PackedNodes, "whole_nodes_free", listed)
    plan = pool(3, 8, keep_warm_s=5.0, quota=("p on-demand", 48))
    records = simulate(table([(0.0, 8, 10.0), (1.0, 16, 10.0), (20.0, 24, 10.0)]), [plan, plan])
    assert records.start_s.tolist() == [0.0, 1.0, 20.0]


def test_of_warm_nodes_who_goes_back_first_is_known() -> None:
    """Whoever was used again or lost meanwhile is passed over, and who idles anew counts from then."""
    warm = WarmNodes()
    for node, until in ((3, 20.0), (1, 10.0), (2, 10.0), (0, 15.0)):
        warm.add(node, until)
    assert warm.first() == (10.0, 1)
    warm.discard(1)
    warm.add(1, 30.0)
    warm.discard(0)
    assert (len(warm), warm.first(), warm.until(0), warm.until(1)) == (3, (10.0, 2), 0.0, 30.0)
    warm.forget_before(20.0)
    assert (len(warm), warm.first()) == (2, (20.0, 3))
    warm.forget_before(31.0)
    assert not warm
