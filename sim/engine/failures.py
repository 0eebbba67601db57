"""When what breaks, for how long: streams of downtimes, drawn apart from what the simulated jobs do.

A pool's failures are one superposed process, not a process a node: candidates come at the rate of all its nodes together, each names one
node at random, and the pool passes over those whose node is not up (thinning, which is exact for exponential up-times). So the dates of
failures do not depend on the policy: two plans on the same pool meet the same failures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

import numpy as np

from sim.demand.sampling import draw
from sim.demand.streams import stream
from sim.scenario.distributions import Distribution
from sim.scenario.failures import Outages

NODE_FAILURE, RACK_OUTAGE, POOL_OUTAGE, PROVIDER_INCIDENT = "node failure", "rack outage", "pool outage", "provider incident"
BLOCK = 256


@dataclass(frozen=True, order=True)
class Downtime:
    """Nodes (by number, None for all of the pool) that go down at `at_s` for `lasts_s`, `expected_s` as far as one can know."""

    at_s: float
    lasts_s: float
    expected_s: float
    cause: str
    nodes: tuple[int, ...] | None = None


def _candidates(rate: float, lasting: Distribution, of: int, rng: np.random.Generator) -> Iterator[tuple[float, int, float]]:
    """(seconds, which, how long) for ever: a Poisson stream of `rate` over `of` equal parts."""
    now = 0.0
    while True:
        times = now + np.cumsum(rng.exponential(1 / rate, BLOCK))
        which = rng.integers(0, of, BLOCK)
        yield from zip(times.tolist(), which.tolist(), draw(lasting, BLOCK, rng).tolist(), strict=True)
        now = float(times[-1])


def node_failures(nodes: int, mtbf_s: float, repair: Distribution, rng: np.random.Generator) -> Iterator[Downtime]:
    """Failures of single nodes; `mtbf_s` is a node's mean up-time."""
    for at, node, lasts in _candidates(nodes / mtbf_s, repair, nodes, rng):
        yield Downtime(at, lasts, repair.mean, NODE_FAILURE, (node,))


def rack_outages(nodes: int, rack: int, mtbf_s: float, repair: Distribution, rng: np.random.Generator) -> Iterator[Downtime]:
    """Racks of `rack` nodes, numbered through, that go as one; a rack that is down cannot fail again."""
    racks = -(-nodes // rack)
    back = [0.0] * racks
    for at, which, lasts in _candidates(racks / mtbf_s, repair, racks, rng):
        if at >= back[which]:
            back[which] = at + lasts
            yield Downtime(at, lasts, repair.mean, RACK_OUTAGE, tuple(range(which * rack, min((which + 1) * rack, nodes))))


def outages(word: Outages, cause: str, seed: int, replication: int, *name: str) -> Iterator[Downtime]:
    """Everything at once: the dated outages (their durations drawn) and the random ones."""
    rng = stream(seed, replication, *name, cause, "dates")
    dated = sorted(Downtime(one.at, float(draw(one.duration, 1, rng)[0]), one.duration.mean, cause) for one in word.dates)
    if word.mtbf is None:
        return iter(dated)
    return merge(dated, _random_outages(word.mtbf, word.lasting, cause, stream(seed, replication, *name, cause)))


def _random_outages(mtbf_s: float, lasting: Distribution, cause: str, rng: np.random.Generator) -> Iterator[Downtime]:
    back = 0.0
    for at, _, lasts in _candidates(1 / mtbf_s, lasting, 1, rng):
        if at >= back:
            back = at + lasts
            yield Downtime(at, lasts, lasting.mean, cause)


def merged(streams: Sequence[Iterator[Downtime]]) -> Iterator[Downtime]:
    """All of them, in order of time."""
    return merge(*streams)
