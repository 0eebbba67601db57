"""From the pools of a scenario to pool plans: dates, answers and what befalls each pool drawn, each from its own stream."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sim.demand.sampling import draw
from sim.demand.spot_trace import open_spot_trace
from sim.demand.step_path import step_path
from sim.demand.streams import stream
from sim.engine.absences import Absence, drawn_absences, mean_absence_s, recorded_absences
from sim.engine.autoscaler import autoscale
from sim.engine.blocks import windows
from sim.engine.expiries import expiry
from sim.engine.failures import POOL_OUTAGE, PROVIDER_INCIDENT, Downtime, merged, node_failures, outages, rack_outages
from sim.engine.outages import breakdowns
from sim.engine.pool import Change, PoolPlan
from sim.engine.reclaims import reclaims
from sim.engine.routing import RoutingTerms
from sim.engine.volatile_pool import VolatilePool
from sim.engine.watch import Watch
from sim.scenario.distributions import Distribution
from sim.scenario.offers import BlockOffer, LeasedOffer, ReservedOffer, SpotOffer
from sim.scenario.providers import Pool, Provider
from sim.scenario.quota_rules import elastic_gpus
from sim.scenario.reclaim import Reclaim
from sim.scenario.scenario import Scenario
from sim.scenario.units import YEAR


def pool_plans(scenario: Scenario, node_types: Sequence[int], replication: int) -> list[PoolPlan]:
    """The plans of one replication, in the order of `scenario.pools()`; `node_types` gives each pool's row of the durations."""
    return [
        _plan(scenario.providers[provider], provider, name, pool, node_type, scenario.horizon, scenario.seed, replication)
        for ((provider, name), pool), node_type in zip(scenario.pools().items(), node_types, strict=True)
    ]


def _lead(after: Distribution, earlier_s: float, answer_s: float) -> Callable[[float], float]:
    """What a broker may expect of a delivery that has not come: what its lead time leaves, and the provider's answer on top."""
    return lambda now: after.remaining(now + earlier_s) + answer_s


def _plan(
    seller: Provider, provider: str, name: str, pool: Pool, node_type: int, horizon: float | None, seed: int, replication: int
) -> PoolPlan:
    answers = stream(seed, replication, "provider", provider, name, "provisioning")
    delays = stream(seed, replication, "provider", provider, name, "deliveries")
    offer = pool.offer

    def answer() -> float:
        return float(draw(pool.provisioning, 1, answers)[0])

    deliveries = [(max(float(draw(one.after, 1, delays)[0]) - one.earlier, 0.0), one.nodes) for one in pool.deliveries]
    answer_s = pool.provisioning.mean if isinstance(offer, ReservedOffer) else 0.0
    leads = [_lead(one.after, one.earlier, answer_s) for one in pool.deliveries]
    promised: list[float] = []
    nodes = pool.nodes
    if isinstance(offer, BlockOffer):
        promised = [window.start for window in offer.windows]
        deliveries, leads, nodes = [(promised[0], nodes)], [], 0
    elif isinstance(offer, ReservedOffer):
        # A commitment's nodes are asked for when they are due, and come when the provider has answered.
        deliveries = [(after + answer(), count) for after, count in deliveries]
        if nodes and pool.provisioning.mean > 0:
            deliveries.insert(0, (answer(), nodes))
            leads.insert(0, pool.provisioning.remaining)
            nodes = 0
    if leads:  # drawn all the same, so that plans which buy none share their other dates with those that do
        leads = [lead for lead, (_, count) in zip(leads, deliveries, strict=True) if count]
        deliveries = [one for one in deliveries if one[1]]
    return PoolPlan(
        provider=provider,
        name=name,
        node_type=node_type,
        nodes=nodes,
        gpus_per_node=pool.gpus_per_node,
        placement=pool.placement,
        keep_warm_s=offer.keep_warm if isinstance(offer, LeasedOffer) and pool.elastic is None else None,
        draw_delay=answer,
        mean_delay_s=pool.provisioning.mean if pool.leased else 0.0,
        deliveries=tuple(deliveries),
        promised=tuple(promised),
        leads=tuple(leads),
        grows_to=pool.elastic.max if pool.elastic else 0,
        expiring=pool.nodes if isinstance(offer, BlockOffer) else sum(one.nodes for one in pool.expiries),
        metered=pool.leased and pool.elastic is not None,
        quota=_quota(seller, provider, pool),
        minimum_s=offer.minimum if isinstance(offer, LeasedOffer) else 0.0,
        usd_per_gpu_hour=step_path(offer.price(pool.gpus_per_node)).mean(0.0, horizon or YEAR) if pool.leased else 0.0,
        changes=tuple(_changes(seller, provider, name, pool, horizon, seed, replication, answer)),
    )


def _quota(seller: Provider, provider: str, pool: Pool) -> tuple[str, int] | None:
    """The quota that a leased pool shares with the others of its kind; elastic pools have theirs put aside."""
    kind = pool.offer.kind
    gpus = seller.quotas.of(kind)
    if gpus is None or not pool.leased or pool.elastic is not None:
        return None
    return f"{provider} {kind}", gpus - elastic_gpus({name: one for name, one in seller.pools.items() if one.offer.kind == kind})


def _changes(
    seller: Provider, provider: str, name: str, pool: Pool, horizon: float | None, seed: int, replication: int, answer: Callable[[], float]
) -> Iterator[Callable[[VolatilePool, Watch], Change]]:
    """What befalls the pool, each as a process to be started on it."""
    downtimes = list(_downtimes(seller, provider, name, pool, seed, replication))
    if downtimes:
        yield lambda site, watch: breakdowns(site, watch, merged(downtimes))
    dates = stream(seed, replication, "provider", provider, name, "expiries")
    for one in pool.expiries:
        after = float(draw(one.after, 1, dates)[0])
        yield lambda site, _, after=after, one=one: expiry(site, after, one.nodes, one.at_expiry)  # type: ignore[misc]
    offer, elastic = pool.offer, pool.elastic
    if elastic is not None:  # before the reclaims, which take nodes by number; without a horizon a run is paid until its last arrival
        yield lambda site, watch: autoscale(site, watch, elastic, answer, horizon or 0.0)
    if isinstance(offer, BlockOffer):
        spans = [(one.start, one.end) for one in offer.windows]
        yield lambda site, _: windows(site, pool.nodes, spans)
    if isinstance(offer, SpotOffer):
        absences, expected = _absences(offer.reclaim, provider, name, pool.most_nodes, seed, replication)
        for node, of_node in enumerate(absences):
            yield lambda site, watch, node=node, of_node=of_node: reclaims(site, watch, node, of_node, expected)  # type: ignore[misc]


def _absences(reclaim: Reclaim, provider: str, name: str, nodes: int, seed: int, replication: int) -> tuple[list[Iterator[Absence]], float]:
    """The absences of each node, and how long one is expected to last; InputError where a recorded zone cannot be read."""

    def source(*what: str) -> np.random.Generator:
        return stream(seed, replication, "provider", provider, name, "reclaim", *what)

    if reclaim.trace is not None:
        trace = open_spot_trace(reclaim.trace, reclaim.zone)
        return recorded_absences(trace, nodes, reclaim.notice, source()), mean_absence_s(trace, nodes)
    assert reclaim.mtbf is not None
    away = reclaim.time_away
    return [drawn_absences(reclaim.mtbf, reclaim.notice, away, source(str(node))) for node in range(nodes)], away.mean


def _downtimes(seller: Provider, provider: str, name: str, pool: Pool, seed: int, replication: int) -> Iterator[Iterator[Downtime]]:
    def source(what: str) -> np.random.Generator:
        return stream(seed, replication, "provider", provider, name, what)

    nodes = pool.most_nodes
    if pool.failures is not None and nodes:
        yield node_failures(nodes, pool.failures.mtbf.of_node(pool.gpus_per_node), pool.failures.repair, source("failures"))
    if pool.racks is not None and nodes:
        yield rack_outages(nodes, pool.racks.nodes, pool.racks.mtbf, pool.racks.repair, source("racks"))
    if pool.outages is not None:
        yield outages(pool.outages, POOL_OUTAGE, seed, replication, "provider", provider, name)
    if seller.incidents is not None:  # of the provider's own stream, so that all its pools have them at once
        yield outages(seller.incidents, PROVIDER_INCIDENT, seed, replication, "provider", provider)


def routing_terms(scenario: Scenario, replication: int) -> RoutingTerms:
    """What the scenario says of routing."""
    words = scenario.policy.routing
    return RoutingTerms(
        policy=words.policy,
        preferred=tuple(preferred_pools(scenario)),
        overflow_s=words.overflow_when.expected_wait,
        delay_usd_per_gpu_hour=tuple(work.cost_of_delay for work in scenario.workloads.values()),
        rng=stream(scenario.seed, replication, "routing"),
        migrate=words.migrate,
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
