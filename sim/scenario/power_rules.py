"""Rules of power: electricity is paid where nodes are owned. Pure; all broken rules at once."""

from collections.abc import Iterator

from sim.scenario.errors import Broken
from sim.scenario.offer_rules import Path, broken_dates
from sim.scenario.offers import OwnedOffer
from sim.scenario.power import Power
from sim.scenario.scenario import Scenario


def broken_power_rules(scenario: Scenario) -> Iterator[Broken]:
    for provider, seller in scenario.providers.items():
        owned = {name: isinstance(pool.offer, OwnedOffer) for name, pool in seller.pools.items()}
        if seller.power is not None:
            pays = any(owned[name] for name, pool in seller.pools.items() if pool.power is None)
            yield from _broken(("providers", provider, "power"), seller.power, pays, scenario.horizon)
        for name, pool in seller.pools.items():
            if pool.power is not None:
                yield from _broken(("providers", provider, "pools", name, "power"), pool.power, owned[name], scenario.horizon)


def _broken(path: Path, power: Power, pays: bool, horizon: float | None) -> Iterator[Broken]:
    if power.price is not None and not pays:
        yield (*path, "price"), "found a price of electricity beside no owned nodes; rents include it, so leave it out"
    for what in ("price", "carbon"):
        level = getattr(power, what)
        if level is not None:
            yield from broken_dates((*path, what), level, horizon)
