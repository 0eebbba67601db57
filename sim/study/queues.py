"""From the words of a scenario's policy to the engine's plain queue terms."""

import math

from sim.engine.queue_terms import PreemptionTerms, QueueTerms
from sim.scenario.queueing import FairShareWords
from sim.scenario.scenario import Scenario

NO_SHARES = FairShareWords()


def queue_terms(scenario: Scenario) -> QueueTerms:
    """How every pool of this scenario orders its queue."""
    words = scenario.policy.queue
    shares = words.fair_share or NO_SHARES
    return QueueTerms(
        order=words.order,
        backfill=None if words.backfill == "none" else words.backfill,
        weights=shares.weights,
        half_life_s=math.inf if shares.half_life is None else shares.half_life,
        preemption=_preemption(scenario),
    )


def policies_used(scenario: Scenario) -> dict[str, str]:
    """Names by kind of policy."""
    policy = scenario.policy
    used = {"orderings": policy.queue.order, "routings": policy.routing.policy}
    return used if policy.preemption is None else used | {"preemptions": policy.preemption.policy}


def _preemption(scenario: Scenario) -> PreemptionTerms | None:
    words, names = scenario.policy.preemption, list(scenario.workloads)
    if words is None:
        return None
    by, of = (tuple(names.index(name) for name in listed) for listed in (words.by, words.of))
    return PreemptionTerms(words.policy, by, of, words.at_most, words.quantum)
