"""What an offer charges for a GPU-hour, whatever kind of offer it is."""

from dataclasses import dataclass

from sim.demand.step_path import StepPath, step_path
from sim.scenario.offers import BlockOffer, ReservedOffer
from sim.scenario.providers import Pool


@dataclass(frozen=True)
class Tariff:
    """`price` is the list price in USD per GPU-hour over time, from which `discount` is taken; a share `upfront` is due in advance."""

    price: StepPath
    discount: float = 0.0
    upfront: float = 0.0


def tariff(pool: Pool) -> Tariff:
    """The terms of a pool's offer; InputError where a price's file cannot be used."""
    offer, price = pool.offer, step_path(pool.offer.price(pool.gpus_per_node))
    if isinstance(offer, ReservedOffer):
        return Tariff(price, offer.discount, offer.upfront)
    return Tariff(price, upfront=1.0 if isinstance(offer, BlockOffer) else 0.0)
