"""How each pool's queue is served: in which order, who may overtake, and who makes room for whom."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sim.scenario.elastic import GpuSeconds
from sim.scenario.model import Name, Word
from sim.scenario.plugins import PolicyName
from sim.scenario.units import HOUR, PositiveDuration, Whole

ORDERINGS = ("fifo", "priority", "sjf", "edf", "las", "fair-share")
PREEMPTIONS = ("priority", "workloads", "attained-service")


class FairShareWords(Word):
    """Tenants' shares (1 where not named); what they had counts half as much after each `half_life`."""

    weights: dict[Name, Annotated[float, Field(gt=0, strict=False)]] = Field(default_factory=dict)
    half_life: PositiveDuration | None = None


class QueuePolicy(Word):
    """`fifo`; `priority`; `sjf`, shortest job first by estimate; `edf`, earliest deadline; `las`, least attained service; `fair-share`.

    Strict by default: a job that does not fit yet is not overtaken by a later one. `backfill` lets those overtake that delay, by users'
    estimates, not the first in line (`easy`) or nobody (`conservative`).
    """

    order: Annotated[str, PolicyName("orderings", ORDERINGS)] = "fifo"
    backfill: Literal["none", "easy", "conservative"] = "none"
    fair_share: FairShareWords | None = None

    @model_validator(mode="after")
    def _shares_are_read(self) -> Self:
        if self.fair_share is not None and self.order != "fair-share":
            raise PydanticCustomError(
                "fair_share",
                "found fair-share beside 'order: {order}', which does not read it; write 'order: fair-share'",
                {"order": self.order},
            )
        return self


class PreemptionPolicy(Word):
    """Running jobs that make room for the first in line, and queue again: they keep what they saved and pay their `restart`.

    `priority`: those of lower priority. `workloads`: those `of` named workloads, for those named in `by`. `attained-service`: those that
    have had at least a `quantum` more service. A job makes room `at_most` so many times, so that none starves.
    """

    policy: Annotated[str, PolicyName("preemptions", PREEMPTIONS)] = "priority"
    of: Annotated[tuple[str, ...], Field(strict=False)] = ()
    by: Annotated[tuple[str, ...], Field(strict=False)] = ()
    at_most: Annotated[int, Whole(1, "how often a job makes room")] = 3
    quantum: GpuSeconds = HOUR

    @model_validator(mode="after")
    def _names_are_read(self) -> Self:
        if (self.policy == "workloads") != bool(self.of and self.by) or bool(self.of) != bool(self.by):
            raise PydanticCustomError(
                "preemption", "found {found}; of and by go together, and with 'policy: workloads', as in {example}",
                {"found": f"policy {self.policy}, {len(self.of)} in 'of' and {len(self.by)} in 'by'",
                 "example": "{policy: workloads, of: [merges], by: [tunes]}"},
            )  # fmt: skip
        return self
