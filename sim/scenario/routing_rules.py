"""Rules of routing: each policy has what it decides by, and nothing is written that it would not read. Pure; all at once."""

from collections.abc import Iterator

from sim.scenario.errors import Broken
from sim.scenario.nearest import nearest
from sim.scenario.scenario import Scenario


def broken_routing_rules(scenario: Scenario) -> Iterator[Broken]:
    words, path = scenario.policy.routing, ("policy", "routing")
    known = [*scenario.providers, *(f"{provider}.{pool}" for provider, pool in scenario.pools())]
    for index, name in enumerate(words.prefer):
        if name not in known:
            yield (*path, "prefer", index), f"found {name!r}, which is no provider or provider.pool; {nearest(name, known)}"
    if words.policy != "prefer" and "overflow_when" in words.model_fields_set:
        yield (*path, "overflow-when"), f"found beside 'policy: {words.policy}', which does not read it; leave one of them out"
    if words.migrate and words.policy in ("random", "round-robin"):
        yield (*path, "migrate"), f"found beside 'policy: {words.policy}', which never finds a better pool; leave one of them out"
    work = scenario.workloads.values()
    if words.policy == "cost-of-delay" and not any(one.cost_of_delay for one in work):
        yield (*path, "policy"), "found cost-of-delay, and no workload says what delay costs; add 'cost-of-delay: 5 USD/GPU/h' to one"
    if words.policy == "data-home" and not any(one.data for one in work):
        yield (*path, "policy"), f"found data-home, and no workload's data have a home; add 'data: {{home: {known[0]}}}' to one"
