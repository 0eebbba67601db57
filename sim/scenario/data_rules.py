"""Rules of data: each home exists, each size is known, and every way that data may have to take is described. Pure; all at once."""

from collections.abc import Iterator

from sim.scenario.errors import Broken
from sim.scenario.nearest import nearest
from sim.scenario.scenario import Scenario
from sim.scenario.workloads import TraceWorkload


def data_homes(scenario: Scenario, home: str) -> list[int]:
    """The pools, by index, at which data of this home lie; none where nobody has that name."""
    return [
        index
        for index, ((provider, name), pool) in enumerate(scenario.pools().items())
        if home in (provider, f"{provider}.{name}", pool.region) and home != "-"
    ]


def broken_data_rules(scenario: Scenario) -> Iterator[Broken]:
    homed = {name: work for name, work in scenario.workloads.items() if work.data is not None}
    for name, work in homed.items():
        assert work.data is not None
        path = ("workloads", name, "data")
        if not data_homes(scenario, work.data.home):
            yield (
                (*path, "home"),
                f"found {work.data.home!r}, which is no provider, provider.pool or region; {_nearest(scenario, work.data.home)}",
            )
        if work.data.size is None and isinstance(work, TraceWorkload):
            yield (*path, "size"), "is missing, and recorded jobs have no model that says it; add one, as in 'size: 140 GB'"
    if homed and len(scenario.providers) > 1:
        for provider, seller in scenario.providers.items():
            if seller.network.to_others is None:
                yield (
                    ("providers", provider, "network", "to-others"),
                    f"is missing, and the data of workload {next(iter(homed))!r} may have to move from or to {provider}; add a link, as in "
                    "'network: {to-others: {bandwidth: 10 Gb/s, egress: 0.09 USD/GB}}'",
                )


def _nearest(scenario: Scenario, home: str) -> str:
    pools = scenario.pools()
    known = [*scenario.providers, *(f"{provider}.{name}" for provider, name in pools)]
    known += [region for region in dict.fromkeys(pool.region for pool in pools.values()) if region != "-"]
    return nearest(home, known)
