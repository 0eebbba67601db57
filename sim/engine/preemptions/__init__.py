"""Who makes room for whom. A preemption is a small class in a file of its own, found by the name used in ``policy.preemption.policy``.

It says which running jobs yield to a waiting one; which of those do, so that little work is lost, is `sim.engine.preemptions.victims`. A
job that makes room keeps what it saved, and one that writes checkpoints is given the time to write one: it pays that time and its restart.
Third parties add theirs as entry points of the group ``leadtime.preemptions``: a callable that takes a `Yielding`.
"""

from collections.abc import Callable

from sim.engine.preemptions.attained_service import AttainedService
from sim.engine.preemptions.priority import HigherPriority
from sim.engine.preemptions.workloads import NamedWorkloads
from sim.engine.preemptions.yielding import Preemption, Yielding

__all__ = ["PREEMPTIONS", "Preemption", "Yielding"]

PREEMPTIONS: dict[str, Callable[[Yielding], Preemption]] = {
    "priority": HigherPriority,
    "workloads": NamedWorkloads,
    "attained-service": AttainedService,
}
