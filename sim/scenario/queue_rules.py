"""Rules of queues: an order has something to order by, and whoever makes room is known and can be interrupted. Pure; all at once."""

from collections.abc import Iterator

from sim.scenario.elastic_training import broken_sizes
from sim.scenario.errors import Broken
from sim.scenario.nearest import nearest
from sim.scenario.scenario import Scenario
from sim.scenario.workloads import TraceWorkload, TrainingWorkload


def broken_queue_rules(scenario: Scenario) -> Iterator[Broken]:
    yield from _order(scenario)
    yield from _preemption(scenario)
    yield from _elastic(scenario)


def _order(scenario: Scenario) -> Iterator[Broken]:
    queue, work = scenario.policy.queue, scenario.workloads.values()
    if queue.order == "edf" and not any(one.deadline for one in work):
        yield ("policy", "queue", "order"), "found edf, and no workload has a deadline; add 'deadline: 24 h' to one"
    recorded = any(isinstance(one, TraceWorkload) for one in work)  # whose tenants are in the file
    tenants = [one.tenant or name for name, one in scenario.workloads.items()]
    for name in queue.fair_share.weights if queue.fair_share and not recorded else ():
        if name not in tenants:
            yield ("policy", "queue", "fair-share", "weights", name), f"is no workload's tenant; {nearest(name, tenants)}"


def _preemption(scenario: Scenario) -> Iterator[Broken]:
    words, path = scenario.policy.preemption, ("policy", "preemption")
    if words is None:
        return
    for key in ("of", "by"):
        for index, name in enumerate(getattr(words, key)):
            if name not in scenario.workloads:
                yield (*path, key, index), f"found {name!r}, which is no workload; {nearest(name, list(scenario.workloads))}"
    both = set(words.of) & set(words.by)
    if both:
        yield (*path, "by"), f"found {', '.join(sorted(both))} in 'of' too; a workload that makes room for itself would never get through"
    if (
        words.policy == "priority"
        and len({one.priority for one in scenario.workloads.values()}) == 1
        and not any(isinstance(one, TraceWorkload) for one in scenario.workloads.values())
    ):
        yield path, "found preemption by priority, and all workloads have the same; give some a higher 'priority'"
    for (provider, name), pool in scenario.pools().items():
        if pool.placement == "spread":
            place = ("providers", provider, "pools", name, "placement")
            yield place, "found spread beside preemption; gangs must be on known nodes there: write 'placement: pack'"


def _elastic(scenario: Scenario) -> Iterator[Broken]:
    elastic = {name: one for name, one in scenario.workloads.items() if isinstance(one, TrainingWorkload) and one.elastic is not None}
    for name, work in elastic.items():
        assert work.elastic is not None
        for path, problem in broken_sizes(work.elastic, work.gpus.values, work.checkpoint):
            yield ("workloads", name, *path), problem
    if elastic and scenario.policy.queue.backfill == "conservative":
        yield (
            ("policy", "queue", "backfill"),
            f"found conservative beside elastic {', '.join(elastic)}, whose resizes break its plan; easy would do",
        )
    for (provider, name), pool in scenario.pools().items() if elastic else ():
        if pool.placement == "spread":
            place = ("providers", provider, "pools", name, "placement")
            yield place, "found spread beside elastic training; gangs must be on known nodes there: write 'placement: pack'"
