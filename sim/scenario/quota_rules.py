"""Rules of quotas: what is committed, or may be grown to, fits them. Pure; all broken rules at once."""

from collections.abc import Iterator, Mapping

from sim.scenario.errors import Broken
from sim.scenario.offers import BlockOffer, ReservedOffer
from sim.scenario.providers import Pool
from sim.scenario.scenario import Scenario


def broken_quota_rules(scenario: Scenario) -> Iterator[Broken]:
    for provider, seller in scenario.providers.items():
        path = ("providers", provider, "quotas")
        committed = seller.quotas.committed
        if committed is not None:
            most = committed_gpus(seller.pools)
            if most > committed:
                yield (
                    (*path, "committed"),
                    f"found {committed} GPUs, under the {most} that are committed to at once; raise the quota, or commit to less",
                )
        for kind in ("on-demand", "spot"):
            quota = seller.quotas.of(kind)
            if quota is None:
                continue
            pools = {name: pool for name, pool in seller.pools.items() if pool.offer.kind == kind}
            if not pools:
                yield (*path, kind), f"found a quota on {kind} GPUs, and no pool of {provider} is bought {kind}; leave it out"
            grown = elastic_gpus(pools)
            if grown > quota:
                yield (
                    (*path, kind),
                    f"found {quota} GPUs, under the {grown} that elastic pools may grow to; raise it, or lower their max",
                )
            for name, pool in pools.items():
                if pool.elastic is None and quota - grown < pool.gpus_per_node:
                    yield (
                        (*path, kind),
                        f"found {quota} GPUs, which leaves pool {name!r} not one node of {pool.gpus_per_node}; raise it, or drop the pool",
                    )


def committed_gpus(pools: Mapping[str, Pool]) -> int:
    """The most GPUs that reserved pools and blocks have at once."""
    reserved = sum(pool.most_nodes * pool.gpus_per_node for pool in pools.values() if isinstance(pool.offer, ReservedOffer))
    windows = [
        (window.start, window.end, pool.nodes * pool.gpus_per_node)
        for pool in pools.values()
        if isinstance(pool.offer, BlockOffer)
        for window in pool.offer.windows
    ]
    return reserved + max((sum(gpus for start, end, gpus in windows if start <= at < end) for at, _, _ in windows), default=0)


def elastic_gpus(pools: Mapping[str, Pool]) -> int:
    """GPUs that the elastic ones of these pools may grow to."""
    return sum(pool.elastic.max * pool.gpus_per_node for pool in pools.values() if pool.elastic is not None)
