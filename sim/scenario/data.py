"""Where the data of jobs lie, and the links over which they move: data has a home, and moving it costs time and money."""

from typing import Annotated

from pydantic import Field

from sim.scenario.model import Word
from sim.scenario.units import Bandwidth, Bytes, DataPrice

DataHome = Annotated[str, Field(min_length=1)]
"""A provider, a ``provider.pool``, or a region of some pool."""


class Data(Word):
    """What a job of this workload reads: it lies at `home`, and is moved to where the job runs before the job queues there.

    `size` follows from the model where left out: the models that a merge reads, a training's checkpoint (weights and optimiser state), the
    weights of what is evaluated. A trace has no model, so it must say.
    """

    home: DataHome
    size: Bytes | None = None


class Link(Word):
    """What one job's data moves at, and what each GB that leaves costs the job's owner."""

    bandwidth: Bandwidth
    egress: DataPrice = 0.0


class ProviderNetwork(Word):
    """`between_pools` of this provider (left out, they share their storage), and `to_others`: from and to other providers.

    A move between providers is as fast as the slower of the two links; the provider that the data leave is paid.
    """

    between_pools: Link | None = None
    to_others: Link | None = None
