"""How work is queued and routed. Names are those under which `sim.engine` registers its policies."""

from typing import Literal

from pydantic import Field

from sim.scenario.admission import AdmissionPolicy
from sim.scenario.model import Word
from sim.scenario.units import Duration


class QueuePolicy(Word):
    """Order of each pool's queue; strict: a job that does not fit yet is not overtaken by a later one."""

    order: Literal["fifo", "priority"] = "fifo"


class OverflowWhen(Word):
    """Try the next pool when a job would wait longer than this in the preferred one."""

    expected_wait: Duration = 0.0


class RoutingPolicy(Word):
    """Providers (or ``provider.pool``) in order of preference; the next is tried when one's expected wait is too long."""

    prefer: tuple[str, ...] = Field(default=(), strict=False)
    overflow_when: OverflowWhen = OverflowWhen()


class Policy(Word):
    queue: QueuePolicy = QueuePolicy()
    routing: RoutingPolicy = RoutingPolicy()
    admission: AdmissionPolicy = AdmissionPolicy()
