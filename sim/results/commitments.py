"""What is paid whether used or not: upfront payments, what is committed beyond the horizon, how well it is used, and when it pays.

Owned nodes, commitments and blocks break even with on-demand at the utilisation at which both cost the same: the cost of a GPU-hour held,
electricity included, over the on-demand price. Used less than that, buying the used hours on demand would have been cheaper.
"""

from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence
from math import ceil, inf

from pydantic import BaseModel, ConfigDict

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
    """(seconds when due, end of what it buys, USD): the upfront share of each term of a commitment, and each block, when it begins."""
    terms = tariff(pool)
    share = (1 - terms.discount) * terms.upfront
    for start, end, gpus in sorted(_bound(index, pool, records, horizon_s)):
        if start >= horizon_s:
            return
        if usd := gpus * share * float(terms.price.between(start, end)) / HOUR:
            yield start, end, usd


def committed_beyond_usd(index: int, pool: Pool, records: Records, horizon_s: float) -> float:
    """What a pool's commitment costs after the horizon, paid upfront or still to be paid: all of it that no cost up to the horizon counts.

    Of a reserved pool the rest of the terms that run at the horizon, and one whole term of nodes that come only then: a late delivery is no
    smaller a commitment. Of a block what lies beyond of its windows.
    """
    terms = tariff(pool)
    beyond = sum(
        gpus * float(terms.price.between(max(begin, horizon_s), end))
        for begin, end, gpus in _bound(index, pool, records, horizon_s)
        if end > horizon_s
    )
    return beyond * (1 - terms.discount) / HOUR


def _bound(index: int, pool: Pool, records: Records, horizon_s: float) -> Iterator[tuple[float, float, int]]:
    """(begin, end, GPUs) of every span that a commitment is for: a block's windows, or terms."""
    if isinstance(pool.offer, BlockOffer):
        gpus = pool.nodes * pool.gpus_per_node
        yield from ((window.start, window.end, gpus) for window in pool.offer.windows)
    elif isinstance(pool.offer, ReservedOffer):
        yield from _terms(index, pool.offer.term, records, horizon_s)


def _terms(index: int, term_s: float, records: Records, horizon_s: float) -> Iterator[tuple[float, float, int]]:
    """(begin, end, GPUs) of each term that begins before the horizon: nodes that are kept are committed to for one term after another;
    and of the first term of those that come after it.

    Nodes that leave end theirs with it, so that no hour is billed for which nothing is paid.
    """
    for came_s, left_s, gpus in _kept(index, records, horizon_s):
        kept_s = min(left_s, horizon_s) - came_s
        for number in range(max(ceil(kept_s / term_s - _ROUNDING), 1)):
            begin_s = came_s + number * term_s
            yield begin_s, min(begin_s + term_s, left_s), gpus


_ROUNDING = 1e-9
"""Of a term: what a date computed in two ways may be off by. A term that begins as the horizon ends is not one more."""


def _kept(index: int, records: Records, horizon_s: float) -> Iterator[tuple[float, float, int]]:
    """(came, left, GPUs) of nodes that came together, in order of leaving; infinity for those there at the horizon, or that come later.

    Nodes that leave are taken to be the oldest.
    """
    here = deque[tuple[float, int]]()
    before = 0
    for which, time, gpus in records.capacity:
        if which != index:
            continue
        if gpus > before:
            here.append((time, gpus - before))
        leaving = max(before - gpus, 0) if time < horizon_s else 0
        while leaving > 0:
            came, count = here.popleft()
            yield came, time, min(leaving, count)
            if count > leaving:
                here.appendleft((came, count - leaving))
            leaving -= min(leaving, count)
        before = gpus
    for came, count in here:
        yield came, inf, count


class OnDemand(BaseModel):
    """What an hour of a GPU costs on demand, and by whom: ``PROVIDER.POOL``, or the list price."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpu: str
    usd_per_gpu_hour: float
    seller: str


LIST_PRICE = "list price"


def on_demand_price(gpu: str, pools: Mapping[str, Pool], horizon_s: float) -> OnDemand | None:
    """Of the cheapest on-demand pool with these GPUs, else of the sampled list prices; None where nobody sells them or they are free."""
    asked = {
        name: tariff(pool).price.mean(0.0, horizon_s)
        for name, pool in pools.items()
        if pool.gpu == gpu and isinstance(pool.offer, OnDemandOffer)
    }
    if not asked and gpu in LIST_PRICES:
        asked = {LIST_PRICE: LIST_PRICES[gpu].usd_per_gpu_hour}
    seller = min(asked, key=lambda name: asked[name], default="")
    return OnDemand(gpu=gpu, usd_per_gpu_hour=asked[seller], seller=seller) if asked.get(seller) else None


def on_demand_prices(pools: Mapping[str, Pool], figures: Container[str], horizon_s: float) -> tuple[OnDemand, ...]:
    """The prices that break-evens among the figures are reckoned with, by GPU."""
    gpus = dict.fromkeys(pool.gpu for name, pool in pools.items() if f"pool.{name}.break_even_utilisation" in figures)
    return tuple(price for gpu in gpus if (price := on_demand_price(gpu, pools, horizon_s)) is not None)


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
    named = dict(zip(names, pools, strict=True))
    prices = {index: price for index in committed if (price := on_demand_price(pools[index].gpu, named, horizon_s)) is not None}
    rented_usd = {index: held_hours[index] * price.usd_per_gpu_hour for index, price in prices.items()}
    for index in rented_usd:
        figures[f"pool.{names[index]}.break_even_utilisation"] = usd[index] / rented_usd[index]
    if committed:
        figures["commitment.utilisation"] = sum(used_hours[index] for index in committed) / sum(held_hours[index] for index in committed)
    if committed and len(rented_usd) == len(committed):
        figures["commitment.break_even_utilisation"] = sum(usd[index] for index in committed) / sum(rented_usd.values())
    return figures
