"""Rules that join keys of different places: names that must exist, spans that must fit. Pure; all broken rules at once."""

from collections.abc import Iterator

from sim.scenario.admission_rules import broken_admission_rules
from sim.scenario.data_rules import broken_data_rules
from sim.scenario.errors import Broken
from sim.scenario.power_rules import broken_power_rules
from sim.scenario.queue_rules import broken_queue_rules
from sim.scenario.quota_rules import broken_quota_rules
from sim.scenario.routing_rules import broken_routing_rules
from sim.scenario.scenario import Scenario
from sim.scenario.supply_rules import broken_supply_rules
from sim.scenario.units import format_duration
from sim.scenario.workloads import TraceWorkload


def broken_rules(scenario: Scenario) -> Iterator[Broken]:
    yield from _horizon(scenario)
    yield from broken_routing_rules(scenario)
    yield from _capacity(scenario)
    yield from _replications(scenario)
    yield from broken_supply_rules(scenario)
    yield from broken_power_rules(scenario)
    yield from broken_quota_rules(scenario)
    yield from broken_admission_rules(scenario)
    yield from broken_queue_rules(scenario)
    yield from broken_data_rules(scenario)


def _horizon(scenario: Scenario) -> Iterator[Broken]:
    drawn = [name for name, work in scenario.workloads.items() if not isinstance(work, TraceWorkload)]
    if scenario.horizon is None and drawn:
        yield (
            ("horizon",),
            f"is missing, and workload {drawn[0]!r} has no end of its own; add one, as in 'horizon: 90 d'",
        )
    if scenario.horizon is not None and scenario.warmup >= scenario.horizon:
        warmup, horizon = format_duration(scenario.warmup), format_duration(scenario.horizon)
        yield ("warmup",), f"found {warmup}, which leaves nothing of the horizon of {horizon} to measure; a shorter one would do"


def _capacity(scenario: Scenario) -> Iterator[Broken]:
    if not any(pool.most_nodes for pool in scenario.pools().values()):
        yield ("providers",), "no pool ever has a node; give at least one pool nodes or a delivery"


def _replications(scenario: Scenario) -> Iterator[Broken]:
    until, count = scenario.until, scenario.replications
    if until is not None and until.at_most < count:
        yield (
            ("until", "at-most"),
            f"found {until.at_most}, under the {count} replications run at least; raise it or lower those",
        )
    if until is not None and count < (4 if scenario.antithetic else 2):
        least = "4 replications (two pairs)" if scenario.antithetic else "2 replications"
        yield ("replications",), f"found {count}; 'until' needs an interval to begin with: {least} or more"
    if scenario.antithetic and count % 2:
        yield ("replications",), f"found {count}; antithetic replications come in pairs: give an even number"
    if scenario.antithetic and until is not None and until.at_most % 2:
        yield ("until", "at-most"), f"found {until.at_most}; antithetic replications come in pairs: give an even number"
