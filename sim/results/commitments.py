"""What is paid whether used or not: upfront payments, what is owed beyond the horizon, how well it is used, and when it pays.

Owned nodes, commitments and blocks break even with on-demand at the utilisation at which both cost the same: the cost of a GPU-hour held,
electricity included, over the on-demand price. Used less than that, buying the used hours on demand would have been cheaper.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from sim.cost.prices import LIST_PRICES
from sim.engine.records import Records
from sim.results.tariff import tariff
from sim.scenario.offers import BlockOffer, OnDemandOffer, ReservedOffer
from sim.scenario.providers import Pool
from sim.scenario.units import HOUR

COMMITTED = (ReservedOffer.kind, BlockOffer.kind)
BEYOND = "cost.committed_beyond_usd"
"""The figure of `committed_beyond_usd` over all pools: shown beside a plan's cost wherever plans are compared and one has any."""


def upfront_payments(index: int, pool: Pool, records: Records, horizon_s: float) -> Iterator[tuple[float, float, float]]:
    """(seconds when due, end of what it buys, USD): the upfront share of each commitment when its nodes come, each block when it begins."""
    terms, offer = tariff(pool), pool.offer
    share = (1 - terms.discount) * terms.upfront
    if isinstance(offer, BlockOffer):
        gpus = pool.nodes * pool.gpus_per_node
        spans = [(window.start, window.end, gpus) for window in offer.windows if window.start < horizon_s]
    elif isinstance(offer, ReservedOffer):
        levels = [(0.0, 0), *((time, gpus) for which, time, gpus in records.capacity if which == index)]
        steps = [(time, after - before) for (_, before), (time, after) in pairwise(levels)]
        spans = [(time, time + offer.term, more) for time, more in steps if more > 0 and time < horizon_s]
    else:
        return
    for start, end, gpus in spans:
        if share * gpus:
            yield start, end, gpus * share * float(terms.price.between(start, end)) / HOUR


def committed_beyond_usd(index: int, pool: Pool, records: Records, horizon_s: float) -> float:
    """What a reserved pool's commitments still oblige to pay after the horizon, upfront payments aside.

    Nodes that leave are taken to be the oldest, at the end of their commitment.
    """
    if not isinstance(pool.offer, ReservedOffer):
        return 0.0
    terms, cohorts = tariff(pool), list[list[float]]()
    before = 0
    for which, time, gpus in records.capacity:
        if which != index or time >= horizon_s:
            continue
        if gpus > before:
            cohorts.append([time, float(gpus - before)])
        leaving = float(max(before - gpus, 0))
        while leaving > 0:
            gone = min(leaving, cohorts[0][1])
            leaving, cohorts[0][1] = leaving - gone, cohorts[0][1] - gone
            if not cohorts[0][1]:
                cohorts.pop(0)
        before = gpus
    ends = [(max(came + pool.offer.term, horizon_s), gpus) for came, gpus in cohorts]
    owed = sum(gpus * float(terms.price.between(horizon_s, end)) for end, gpus in ends) / HOUR
    return owed * (1 - terms.discount) * (1 - terms.upfront)


def commitment_figures(
    pools: Sequence[Pool],
    names: Sequence[str],
    used_hours: Sequence[float],
    held_hours: Sequence[float],
    usd: Sequence[float],
    horizon_s: float,
) -> dict[str, float]:
    """``commitment.utilisation`` and ``commitment.break_even_utilisation`` over all pools paid used or not, and of each as ``pool.NAME.…``.

    `usd` is each pool's effective cost. No figure where nothing is; no break-even where nobody sells the GPU on demand.
    """
    figures: dict[str, float] = {}
    committed = [index for index, pool in enumerate(pools) if not pool.leased and held_hours[index] > 0]
    alternative = {index: _on_demand_usd(pools[index], pools, horizon_s) for index in committed}
    for index in committed:
        if alternative[index]:
            figures[f"pool.{names[index]}.break_even_utilisation"] = usd[index] / (held_hours[index] * alternative[index])
    if committed:
        figures["commitment.utilisation"] = sum(used_hours[index] for index in committed) / sum(held_hours[index] for index in committed)
    if committed and all(alternative.values()):
        on_demand = sum(held_hours[index] * alternative[index] for index in committed)
        figures["commitment.break_even_utilisation"] = sum(usd[index] for index in committed) / on_demand
    return figures


def _on_demand_usd(of: Pool, pools: Sequence[Pool], horizon_s: float) -> float:
    """USD per GPU-hour of the cheapest on-demand pool with the same GPUs, else of the sampled list prices; 0 where there is none."""
    sold = [tariff(pool).price.mean(0.0, horizon_s) for pool in pools if pool.gpu == of.gpu and isinstance(pool.offer, OnDemandOffer)]
    if sold:
        return min(sold)
    return LIST_PRICES[of.gpu].usd_per_gpu_hour if of.gpu in LIST_PRICES else 0.0
