"""Whether a larger pool is sure to cost more and to make nothing wait longer, so that its smallest size that will do may be bisected for.

Cost rises where all is paid used or not, and where the price of electricity never changes: else work that starts sooner may cost less.
Waits fall where jobs start strictly in the order of their arrivals, each once and whole, in one pool that is held for good, and where free
GPUs are never out of a gang's reach. For put the times at which the GPUs come free in order (Kiefer and Wolfowitz, 1955): a gang of g
starts at the g-th of them, its arrival or the start before it, whichever is last, and its end takes the place of the first g. If each time
is no later in the larger pool, then nor is the start, nor is any time after it.

Nothing less will do. With a choice of pools, more nodes in one draw work from others that would have started it sooner. What overtakes, or
is interrupted, may start sooner on more nodes and be in the way of others then (Graham's anomalies, 1966). And gangs of several sizes may
start sooner on more nodes, and lie scattered over all of them when one comes that needs a whole node.
"""

from collections.abc import Iterator
from itertools import pairwise

from sim.demand.jobs import open_trace
from sim.engine.supply import pool_plans
from sim.scenario.offers import OwnedOffer, ReservedOffer
from sim.scenario.over_time import OverTime
from sim.scenario.providers import Pool
from sim.scenario.scenario import Scenario
from sim.scenario.study import Optimise
from sim.scenario.values import Choices
from sim.scenario.workloads import TraceWorkload
from sim.study.bounds import starts_in_order
from sim.study.preparation import Preparation


def monotone(words: Optimise, plan: Preparation) -> bool:
    """Whether the one key is the nodes, rising, of the one pool of such a scenario; `plan` is any plan of the range.

    Where the number of replications follows from what they say, plans are not judged on the same demand, and nothing is sure.
    """
    (key,), (values,) = words.over.keys(), words.over.values()
    parts = key.split(".")
    numbers = values.values if isinstance(values, Choices) else ()
    rising = all(isinstance(one, int) and isinstance(two, int) and one < two for one, two in pairwise(numbers))
    if not rising or len(parts) != 5 or parts[0] != "providers" or parts[-1] != "nodes":
        return False
    scenario, pool = plan.scenario, plan.pools[0]
    paid = isinstance(pool.offer, OwnedOffer | ReservedOffer) and scenario.until is None
    one_price = all(len(price.steps) == 1 for price in _electricity_prices(scenario))
    return paid and one_price and starts_in_order(plan, pool_plans(scenario, plan.types, 0)) and _none_scattered(pool, scenario)


def _electricity_prices(scenario: Scenario) -> Iterator[OverTime]:
    words = [one.power for one in scenario.providers.values()] + [one.power for one in scenario.pools().values()]
    return (word.price for word in words if word is not None and word.price is not None)


def _none_scattered(pool: Pool, scenario: Scenario) -> bool:
    """Whether a gang starts wherever enough GPUs are free: any will do, all gangs are alike, or each has whole nodes."""
    if pool.placement == "spread" or pool.gpus_per_node == 1:
        return True
    sizes: set[int] = set()
    for name, work in scenario.workloads.items():
        sizes |= set(open_trace(name, work).gpus.tolist() if isinstance(work, TraceWorkload) else work.gpus.values)
    return len(sizes) == 1 or min(sizes) >= pool.gpus_per_node
