"""How much a provider sells at once: GPUs by kind of offer, over all its pools together."""

from typing import Annotated

from sim.scenario.model import Word
from sim.scenario.units import Whole

Gpus = Annotated[int, Whole(0, "a quota, in GPUs at once,")]


class Quotas(Word):
    """The most GPUs at once `on_demand`, on `spot`, and `committed` (reserved and in blocks); no limit where left out."""

    on_demand: Gpus | None = None
    spot: Gpus | None = None
    committed: Gpus | None = None

    def of(self, kind: str) -> int | None:
        """The quota on offers of this kind."""
        limits = {"on-demand": self.on_demand, "spot": self.spot, "reserved": self.committed, "block": self.committed}
        return limits.get(kind)
