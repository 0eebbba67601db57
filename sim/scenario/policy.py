"""How work is routed, and where the rest of policy is written. Names are those under which `sim.engine` registers its policies."""

from typing import Annotated

from pydantic import Field

from sim.scenario.admission import AdmissionPolicy
from sim.scenario.model import Word
from sim.scenario.plugins import PolicyName
from sim.scenario.queueing import PreemptionPolicy, QueuePolicy
from sim.scenario.units import Duration

ROUTINGS = ("prefer", "cheapest", "earliest-start", "cost-of-delay", "data-home", "random", "round-robin")


class OverflowWhen(Word):
    """Try the next pool when a job would wait longer than this in the preferred one."""

    expected_wait: Duration = 0.0


class RoutingPolicy(Word):
    """How a job's pool is chosen, of those that could run it.

    `prefer` (the default): the first provider (or ``provider.pool``) of that list whose expected wait is not too long. `cheapest`: the
    least cost that meets the workload's `deadline`. `earliest-start`. `cost-of-delay`: the least sum of cost and of what delay is worth.
    `data-home`: where the job's data are. `random` and `round-robin`: baselines that look at nothing. Cost is what is not paid anyway.

    With `migrate`, a pool that idles takes jobs that wait elsewhere, where the policy would now send them to it and they start sooner.
    """

    policy: Annotated[str, PolicyName("routings", ROUTINGS)] = "prefer"
    prefer: tuple[str, ...] = Field(default=(), strict=False)
    overflow_when: OverflowWhen = OverflowWhen()
    migrate: bool = False


class Policy(Word):
    queue: QueuePolicy = QueuePolicy()
    routing: RoutingPolicy = RoutingPolicy()
    admission: AdmissionPolicy = AdmissionPolicy()
    preemption: PreemptionPolicy | None = None
