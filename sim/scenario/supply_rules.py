"""Rules of supply: what a pool promises must be possible, by its dates, its offer and its size. Pure; all broken rules at once."""

from collections.abc import Iterator

from sim.scenario.distributions import Distribution
from sim.scenario.errors import Broken
from sim.scenario.failures import Outages
from sim.scenario.offer_rules import beyond, broken_offer_rules
from sim.scenario.providers import Pool, Provider
from sim.scenario.scenario import Scenario
from sim.scenario.units import format_duration

Path = tuple[str | int, ...]


def broken_supply_rules(scenario: Scenario) -> Iterator[Broken]:
    for (provider, name), pool in scenario.pools().items():
        path: Path = ("providers", provider, "pools", name)
        yield from _spread(path, pool, scenario.providers[provider])
        yield from _elastic(path, pool)
        yield from _expiries(path, pool)
        yield from _dates(path, pool, scenario.horizon)
        yield from broken_offer_rules(path, pool, scenario.horizon)
    for seller, words in scenario.providers.items():
        if words.incidents is not None:
            yield from _outage_dates(("providers", seller, "incidents"), words.incidents, scenario.horizon)


def _spread(path: Path, pool: Pool, seller: Provider) -> Iterator[Broken]:
    """Spread gangs are on no node in particular, so nothing may depend on nodes one by one."""
    if pool.placement != "spread":
        return
    reasons = {
        "an on-demand offer, which leases whole nodes": pool.offer.kind == "on-demand",
        "a spot offer, whose nodes are taken back one by one": pool.offer.kind == "spot",
        "a block, whose nodes come and go": pool.offer.kind == "block",
        "its provider's incidents": seller.incidents is not None,
    } | {word: bool(getattr(pool, word)) for word in ("failures", "racks", "outages", "expiries", "elastic")}
    for reason, holds in reasons.items():
        if holds:
            yield (*path, "placement"), f"found spread beside {reason}; gangs must be on known nodes there: write 'placement: pack'"


def _elastic(path: Path, pool: Pool) -> Iterator[Broken]:
    elastic = pool.elastic
    if elastic is None:
        return
    if elastic.min > elastic.max:
        yield (*path, "elastic", "min"), f"found min {elastic.min} over max {elastic.max}; give a min of {elastic.max} or less"
    elif not elastic.min <= pool.nodes <= elastic.max:
        yield (
            (*path, "nodes"),
            f"found {pool.nodes} nodes at the start of an elastic pool of {elastic.min} to {elastic.max}; start between them",
        )
    if not pool.leased:
        yield (
            (*path, "elastic"),
            "found beside an offer that is paid whether nodes are used or not; an elastic pool is bought on-demand or spot",
        )
    for other in ("deliveries", "expiries"):
        if getattr(pool, other):
            yield (*path, other), "found beside elastic; an elastic pool asks for its nodes and gives them back, so leave one out"


def _expiries(path: Path, pool: Pool) -> Iterator[Broken]:
    """No expiry of more nodes than there are at its mean date."""
    gone = 0
    for index, expiry in sorted(enumerate(pool.expiries), key=lambda one: one[1].after.mean):
        came = sum(nodes for date, nodes in pool.coming if date <= expiry.after.mean)
        if expiry.nodes > came - gone:
            yield (
                (*path, "expiries", index, "nodes"),
                f"found {expiry.nodes} nodes leaving after {format_duration(expiry.after.mean)}, when {max(came - gone, 0)} are there; "
                "let fewer leave or later",
            )
        gone += expiry.nodes


def _dates(path: Path, pool: Pool, horizon: float | None) -> Iterator[Broken]:
    for what in ("deliveries", "expiries"):
        for index, one in enumerate(getattr(pool, what)):
            if _never(one.after, horizon):
                yield (*path, what, index, "after"), beyond(one.after.centre, horizon or 0.0)
    if pool.outages is not None:
        yield from _outage_dates((*path, "outages"), pool.outages, horizon)


def _outage_dates(path: Path, outages: Outages, horizon: float | None) -> Iterator[Broken]:
    for index, one in enumerate(outages.dates):
        if horizon is not None and one.at >= horizon:
            yield (*path, "dates", index, "at"), beyond(one.at, horizon)


def _never(after: Distribution, horizon: float | None) -> bool:
    """Whether a fixed date lies beyond the horizon; an uncertain one may."""
    return horizon is not None and after.shape == "constant" and after.centre >= horizon
