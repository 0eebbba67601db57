"""Rules of offers: what is bought must fit its pool and its dates. Pure; all broken rules at once."""

from collections.abc import Iterator
from itertools import accumulate, pairwise

from sim.scenario.errors import Broken
from sim.scenario.offers import BlockOffer, Capex, LeasedOffer, OwnedOffer, ReservedOffer, SpotOffer
from sim.scenario.over_time import OverTime
from sim.scenario.providers import Pool
from sim.scenario.units import format_duration

Path = tuple[str | int, ...]


def broken_offer_rules(path: Path, pool: Pool, horizon: float | None) -> Iterator[Broken]:
    """Of the pool at `path`."""
    offer = pool.offer
    if isinstance(offer, BlockOffer):
        yield from _block(path, pool, offer, horizon)
    if isinstance(offer, ReservedOffer):
        yield from _reserved(path, pool, offer)
    if isinstance(offer, SpotOffer):
        for other in ("deliveries", "expiries"):
            if getattr(pool, other):
                yield (*path, other), "found beside spot, whose nodes come and go as 'reclaim' says; leave it out"
    if isinstance(offer, LeasedOffer) and pool.elastic is not None and "keep_warm" in offer.model_fields_set:
        yield (*path, "offer", "keep-warm"), "found beside elastic, whose 'idle' says when nodes go back; leave keep-warm out"
    key = offer.kind
    if not (isinstance(offer, OwnedOffer) and isinstance(offer.owned, Capex)):
        yield from broken_dates((*path, "offer", key), getattr(offer, key.replace("-", "_")), horizon)


def broken_dates(path: Path, level: OverTime, horizon: float | None) -> Iterator[Broken]:
    """A quantity over time that changes when the run is over."""
    for date, _ in level.steps[1:]:
        if horizon is not None and date >= horizon:
            yield path, beyond(date, horizon)


def _block(path: Path, pool: Pool, offer: BlockOffer, horizon: float | None) -> Iterator[Broken]:
    if not pool.nodes:
        yield (*path, "nodes"), "found a block of 0 nodes; give the number of nodes that are there in each window"
    if not offer.windows:
        yield (*path, "offer", "windows"), "found no window; give at least one, as in [{start: 10 d, end: 17 d}]"
    for other in ("deliveries", "expiries"):
        if getattr(pool, other):
            yield (*path, other), "found beside block, whose windows say when nodes come and go; leave it out"
    if pool.provisioning.mean:
        yield (
            (*path, "provisioning"),
            "found beside block, whose nodes are there when a window starts; leave it out, or start the window later",
        )
    for index, window in enumerate(offer.windows):
        if horizon is not None and window.start >= horizon:
            yield (*path, "offer", "windows", index, "start"), beyond(window.start, horizon)
    for index, (one, after) in enumerate(pairwise(offer.windows)):
        if after.start < one.end:
            yield (
                (*path, "offer", "windows", index + 1, "start"),
                f"found {format_duration(after.start)}, before the window ahead of it ends ({format_duration(one.end)}); "
                "write windows in order, and those that overlap as pools of their own",
            )


def _reserved(path: Path, pool: Pool, offer: ReservedOffer) -> Iterator[Broken]:
    """No expiry before the commitment of the nodes that leave, the oldest first, is over."""
    came, gone = pool.coming, 0
    for index, expiry in sorted(enumerate(pool.expiries), key=lambda one: one[1].after.mean):
        gone += expiry.nodes
        there = accumulate(nodes for _, nodes in came)
        youngest = next((at for (at, _), nodes in zip(came, there, strict=True) if nodes >= gone), came[-1][0])
        if expiry.after.least < youngest + offer.term:
            yield (
                (*path, "expiries", index, "after"),
                f"found nodes leaving after {format_duration(expiry.after.least)} at the earliest, when they are committed until "
                f"{format_duration(youngest + offer.term)}; let them leave then or not at all, or write the term that they have left",
            )


def beyond(at: float, horizon: float) -> str:
    return f"found {format_duration(at)}, which is not before the horizon ({format_duration(horizon)}); an earlier date or none would do"
