"""Capacity as it is sold: providers, their pools, and deliveries. Each pool is bought under one offer (`sim.scenario.offers`)."""

from typing import Annotated, Literal

from pydantic import Field

from sim.scenario.data import ProviderNetwork
from sim.scenario.distributions import Distribution, DurationDistribution
from sim.scenario.elastic import Elastic, Expiry
from sim.scenario.failures import Failures, Outages, Racks
from sim.scenario.model import Name, Word
from sim.scenario.offers import LeasedOffer, Offer, ReservedOffer
from sim.scenario.power import Power
from sim.scenario.quotas import Quotas
from sim.scenario.units import Bandwidth, Duration, Whole


class Delivery(Word):
    """Nodes that arrive `after` a lead time, counted from the start; a distribution, so that contracts can slip.

    `earlier` pulls the date forward by that much, whenever it would have been: what one could ask the seller for. Of no `nodes` it is no
    delivery, so that studies may buy none.
    """

    nodes: Annotated[int, Whole(0, "the number of nodes delivered")]
    after: DurationDistribution
    earlier: Duration = 0.0


class Network(Word):
    """Bandwidth per GPU, one direction, inside a node and between nodes; the device's own figures where not given.

    `oversubscription` is how many times more the nodes can send than the switches above them carry: the bandwidth between nodes is that
    much less for gangs of several nodes, which are taken to keep all of them busy.
    """

    intra_node: Bandwidth | None = None
    inter_node: Bandwidth | None = None
    oversubscription: Annotated[float, Field(ge=1, strict=False)] = 1.0


class Pool(Word):
    """One provider's nodes of one GPU type in one region, with one network and one price."""

    gpu: str
    nodes: Annotated[int, Whole(0, "the number of nodes")]
    gpus_per_node: Annotated[int, Whole(1, "the number of GPUs in a node")] = 8
    offer: Offer
    provisioning: DurationDistribution = Distribution("constant", 0.0)
    deliveries: tuple[Delivery, ...] = Field(default=(), strict=False)
    expiries: tuple[Expiry, ...] = Field(default=(), strict=False)
    elastic: Elastic | None = None
    failures: Failures | None = None
    racks: Racks | None = None
    outages: Outages | None = None
    placement: Literal["pack", "spread"] = "pack"
    power: Power | None = None
    network: Network = Network()
    region: str = "-"

    @property
    def leased(self) -> bool:
        """Whether its nodes are asked for when work needs them, and paid only then."""
        return isinstance(self.offer, LeasedOffer)

    @property
    def most_nodes(self) -> int:
        """Nodes once every delivery has come and an elastic pool has grown."""
        return max(self.nodes, self.elastic.max if self.elastic else 0) + sum(delivery.nodes for delivery in self.deliveries)

    @property
    def coming(self) -> list[tuple[float, int]]:
        """(seconds, nodes) of those at the start and of each delivery, in order, by the means of their dates.

        Committed nodes come when the provider has answered.
        """
        answer_s = self.provisioning.mean if isinstance(self.offer, ReservedOffer) else 0.0
        dates = [(0.0, self.nodes), *((max(one.after.mean - one.earlier, 0.0), one.nodes) for one in self.deliveries)]
        return sorted((date + answer_s, nodes) for date, nodes in dates)


class Provider(Word):
    """A seller's pools; `incidents` take all of them away at once. `power` holds for pools that say none of their own."""

    pools: Annotated[dict[Name, Pool], Field(min_length=1)]
    incidents: Outages | None = None
    network: ProviderNetwork = ProviderNetwork()
    power: Power | None = None
    quotas: Quotas = Quotas()
