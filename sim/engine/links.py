"""From the networks of a scenario to what moving a byte from one pool to another takes and costs."""

from dataclasses import dataclass

import numpy as np

from sim.demand.table import Floats
from sim.scenario.data import Link
from sim.scenario.data_rules import data_homes
from sim.scenario.providers import Provider
from sim.scenario.scenario import Scenario


@dataclass(frozen=True)
class Links:
    """`seconds_per_byte` and `usd_per_byte` have shape (pools from, pools to); `homes` are, by workload, the pools that have its data.

    A workload whose data have no home has no home pool, and nothing of it moves.
    """

    homes: tuple[tuple[int, ...], ...]
    seconds_per_byte: Floats
    usd_per_byte: Floats


def links(scenario: Scenario) -> Links | None:
    """The links between the pools of a scenario; None where no workload's data have a home."""
    homes = tuple(tuple(data_homes(scenario, work.data.home)) if work.data else () for work in scenario.workloads.values())
    if not any(homes):
        return None
    pools = [provider for provider, _ in scenario.pools()]
    seconds, usd = np.zeros((len(pools), len(pools))), np.zeros((len(pools), len(pools)))
    for source, seller in enumerate(pools):
        for target, other in enumerate(pools):
            if source == target:
                continue
            ends = [_link(scenario.providers[one], within=seller == other) for one in (seller, other)]
            seconds[source, target] = max(1 / link.bandwidth if link else 0.0 for link in ends)
            usd[source, target] = ends[0].egress if ends[0] else 0.0
    return Links(homes, seconds, usd)


def _link(seller: Provider, *, within: bool) -> Link | None:
    """None where a provider's pools share their storage."""
    return seller.network.between_pools if within else seller.network.to_others
