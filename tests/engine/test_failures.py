"""When things break: rates and availability against renewal theory."""

from itertools import pairwise, takewhile

import numpy as np
from scipy import stats

from sim.demand.streams import stream
from sim.engine.failures import Downtime, merged, node_failures, outages, rack_outages
from sim.scenario.distributions import Distribution
from sim.scenario.failures import Failures, Outages

DAY = 86400.0


def until(end_s: float, downtimes: object) -> list[Downtime]:
    return list(takewhile(lambda one: one.at_s < end_s, downtimes))  # type: ignore[call-overload]


def test_llama_3s_rate_is_the_default() -> None:
    """16 384 GPUs on 2 048 nodes for 54 days: 419 expected; 60 drawn runs agree within their 99.9 % interval."""
    mtbf = Failures().mtbf.of_node(8)
    assert 2048 * 54 * DAY / mtbf == 419
    counts = [len(until(54 * DAY, node_failures(2048, mtbf, Failures().repair, stream(seed, 0, "x")))) for seed in range(60)]
    low, high = stats.poisson.interval(0.999, 419 * 60)
    assert low <= sum(counts) <= high
    assert np.var(counts) / 419 < 2  # a Poisson count's variance is its mean


def test_a_renewed_rack_is_up_for_mtbf_of_mtbf_plus_repair() -> None:
    """Availability of one rack over 400 long runs: MTBF/(MTBF + MTTR) = 0.8 inside the 99.9 % interval."""
    shares = []
    for seed in range(400):
        spans = until(1000.0, rack_outages(4, 4, 8.0, Distribution("exponential", 2.0), stream(seed, 0, "rack")))
        shares.append(1 - sum(min(one.at_s + one.lasts_s, 1000.0) - one.at_s for one in spans) / 1000.0)
    low, high = stats.t.interval(0.999, len(shares) - 1, np.mean(shares), stats.sem(shares))
    print(f"available {np.mean(shares):.4f} in ({low:.4f}, {high:.4f})")
    assert low <= 0.8 <= high
    assert high - low < 0.02


def test_racks_cover_every_node_once() -> None:
    """Ten nodes in racks of four: three racks, the last of two."""
    seen = {one.nodes for one in until(1e5, rack_outages(10, 4, 100.0, Distribution("constant", 1.0), stream(1, 0, "rack")))}
    assert seen == {(0, 1, 2, 3), (4, 5, 6, 7), (8, 9)}


def test_dated_and_random_outages_come_in_order() -> None:
    """Two dates among random ones; the dates hold to the second, and random ones never overlap."""
    word = Outages.model_validate(
        {"mtbf": "5 d", "duration": {"mean": "1 d"}, "dates": [{"at": "30 d", "duration": "6 h"}, {"at": "2 d", "duration": "1 h"}]}
    )
    found = until(100 * DAY, outages(word, "pool outage", 3, 0, "p"))
    times = [one.at_s for one in found]
    assert times == sorted(times)
    assert {2 * DAY, 30 * DAY} <= set(times)
    rest = [one for one in found if one.at_s not in (2 * DAY, 30 * DAY)]
    assert len(rest) > 5
    assert all(one.at_s + one.lasts_s <= after.at_s for one, after in pairwise(rest))


def test_failures_of_one_kind_do_not_move_those_of_another() -> None:
    """Streams are named: adding outages leaves the node failures as they were."""
    mtbf, repair = 50 * DAY, Distribution("constant", 3600.0)
    alone = until(90 * DAY, node_failures(8, mtbf, repair, stream(1, 0, "nodes")))
    word = Outages.model_validate({"mtbf": "5 d", "duration": "1 h"})
    both = until(90 * DAY, merged([node_failures(8, mtbf, repair, stream(1, 0, "nodes")), outages(word, "pool outage", 1, 0, "p")]))
    assert [one for one in both if one.nodes is not None] == alone
    assert len(both) > len(alone)
