"""From the pools of a scenario to pool plans: delivery dates and provider's answers drawn, each from its own stream."""

from collections.abc import Sequence

import numpy as np

from sim.demand.sampling import draw
from sim.demand.streams import stream
from sim.demand.table import JobTable
from sim.engine.pool import PoolPlan
from sim.scenario.errors import InputError
from sim.scenario.providers import OnDemandOffer, OwnedOffer, Pool
from sim.scenario.scenario import Scenario


def pool_plans(scenario: Scenario, node_types: Sequence[int], replication: int) -> list[PoolPlan]:
    """The plans of one replication, in the order of `scenario.pools()`; `node_types` gives each pool's row of the durations."""
    return [
        _plan(provider, name, pool, node_type, scenario.seed, replication)
        for ((provider, name), pool), node_type in zip(scenario.pools().items(), node_types, strict=True)
    ]


def _plan(provider: str, name: str, pool: Pool, node_type: int, seed: int, replication: int) -> PoolPlan:
    answers = stream(seed, replication, "provider", provider, name, "provisioning")
    leads = stream(seed, replication, "provider", provider, name, "deliveries")
    on_demand = isinstance(pool.offer, OnDemandOffer)

    def answer() -> float:
        return float(draw(pool.provisioning, 1, answers)[0])

    deliveries = [(float(draw(delivery.after, 1, leads)[0]), delivery.nodes) for delivery in pool.deliveries]
    promised = [delivery.after.mean for delivery in pool.deliveries]
    nodes = pool.nodes
    if not on_demand and not isinstance(pool.offer, OwnedOffer):
        # A commitment's nodes are asked for when they are due, and come when the provider has answered.
        deliveries = [(after + answer(), count) for after, count in deliveries]
        if nodes and pool.provisioning.mean > 0:
            deliveries.insert(0, (answer(), nodes))
            promised.insert(0, pool.provisioning.mean)
            nodes = 0
    return PoolPlan(
        provider=provider,
        name=name,
        node_type=node_type,
        nodes=nodes,
        gpus_per_node=pool.gpus_per_node,
        placement=pool.placement,
        keep_warm_s=pool.offer.keep_warm if isinstance(pool.offer, OnDemandOffer) else None,
        draw_delay=answer,
        mean_delay_s=pool.provisioning.mean if on_demand else 0.0,
        deliveries=tuple(deliveries),
        promised=tuple(promised),
    )


def preferred_pools(scenario: Scenario) -> list[int]:
    """Pools by index in the order of ``routing.prefer``; those it does not name follow in the order written."""
    names = list(scenario.pools())
    order = [
        index
        for wanted in scenario.policy.routing.prefer
        for index, (provider, pool) in enumerate(names)
        if wanted in (provider, f"{provider}.{pool}")
    ]
    return list(dict.fromkeys([*order, *range(len(names))]))


def refuse_unplaceable(jobs: JobTable, plans: Sequence[PoolPlan]) -> None:
    """InputError for jobs that no pool could ever run, with the largest of them as the example."""
    placeable = np.zeros(len(jobs), bool)
    for plan in plans:
        placeable |= (jobs.gpus <= plan.most_gpus) & np.isfinite(jobs.duration_s[plan.node_type])
    if placeable.all():
        return
    stuck = np.flatnonzero(~placeable)
    worst = stuck[np.argmax(jobs.gpus[stuck])]
    largest = max(plans, key=lambda plan: plan.most_gpus)
    name = jobs.workloads[jobs.workload[worst]]
    raise InputError.of(
        f"{len(stuck)} of {len(jobs)} jobs fit no pool: the largest asks for {jobs.gpus[worst]} GPUs, and the largest pool "
        f"({largest.provider}.{largest.name}) never has more than {largest.most_gpus}; add nodes or make the jobs smaller",
        key=f"workloads.{name}",
    )
