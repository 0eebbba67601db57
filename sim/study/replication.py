"""One replication of a plan, from drawn jobs to figures and to what its tables are made of.

Most replications are run by worker processes, which make no table: that takes pandas, a third of all that they would import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sim.demand.jobs import draw_jobs
from sim.demand.table import Floats, JobTable
from sim.engine.links import links
from sim.engine.plugins import plugins_named
from sim.engine.records import Records
from sim.engine.remaining import NeverDoneError
from sim.engine.simulation import simulate
from sim.engine.supply import pool_plans, routing_terms
from sim.engine.unplaceable import refuse_unplaceable
from sim.results.breach import breach_figures
from sim.results.egress import egress_lines
from sim.results.figures import replication_figures
from sim.results.headroom import headroom_figures
from sim.results.ledger import Line, ledger
from sim.results.power import power_lines
from sim.results.timeliness import timeliness_figures
from sim.results.usage import Timeline, timeline
from sim.scenario.errors import InputError
from sim.study.preparation import Preparation, located
from sim.study.queues import policies_used, queue_terms

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = np.concatenate([np.arange(0.0, 0.95, 0.05), np.arange(0.95, 1.0, 0.005), [0.999, 1.0]])


@dataclass(frozen=True)
class Replication:
    """What one replication said. `history` (every job and what befell it) is kept for the first only: the others differ by chance alone."""

    number: int
    horizon_s: float
    arrived: int
    figures: dict[str, float]
    wait_quantiles: dict[str, Floats]
    pools: tuple[str, ...]
    levels: Timeline
    lines: tuple[Line, ...]
    history: Mapping[str, "pd.DataFrame"]
    unusable: Mapping[str, dict[str, int]]
    notes: tuple[str, ...]

    @cached_property
    def timeline(self) -> "pd.DataFrame":
        from sim.results.tables import timeline_table

        return timeline_table(self.levels, self.pools, self.number)

    @cached_property
    def billing(self) -> "pd.DataFrame":
        from sim.results.tables import billing_table

        return billing_table(self.lines, self.number)


def antithetic(number: int) -> int:
    """What replications 2k and 2k + 1 draw from: streams k, and their mirrors ~k."""
    return ~(number // 2) if number % 2 else number // 2


def replicate(preparation: Preparation, number: int) -> Replication:
    """Draw, simulate and measure replication `number`; InputError for work that cannot be placed."""
    scenario = preparation.scenario
    drawn = antithetic(number) if scenario.antithetic else number
    try:
        demand = draw_jobs(scenario, preparation.costs(drawn), drawn)
        plans = pool_plans(scenario, preparation.types, drawn)
        refuse_unplaceable(demand.table, plans)
    except InputError as error:
        raise located(preparation.document, error) from None
    table, horizon = demand.table, demand.horizon_s
    routing, ways = routing_terms(scenario, drawn), links(scenario)
    try:
        with plugins_named(policies_used(scenario)):
            records = simulate(table, plans, queue=queue_terms(scenario), routing=routing, admission=scenario.policy.admission, links=ways)
    except NeverDoneError as error:
        raise located(preparation.document, error) from None
    lines = (
        *ledger(table, records, preparation.pools, plans, horizon),
        *egress_lines(table, records, preparation.pools, plans, ways, horizon),
        *power_lines(table, records, preparation.pools, plans, preparation.power, horizon),
    )
    measured = (table.arrival_s >= scenario.warmup) & records.accepted
    wait = records.waited_s(table.arrival_s)
    curves = {
        name: np.quantile(wait[rows], QUANTILES)
        for index, name in enumerate(table.workloads)
        if (rows := measured & (table.workload == index)).any()
    }
    levels = timeline(table, records, horizon, plans)
    pools = tuple(plan.full_name for plan in plans)
    return Replication(
        number=number,
        horizon_s=horizon,
        arrived=len(table),
        figures=replication_figures(table, records, preparation.pools, plans, lines, scenario.warmup, horizon)
        | timeliness_figures(table, records, routing.delay_usd_per_gpu_hour, scenario.warmup)
        | breach_figures(scenario, table, records, horizon)
        | headroom_figures(levels, scenario.target_utilisation, horizon),
        wait_quantiles=curves,
        pools=pools,
        levels=levels,
        lines=lines,
        history=_history(table, records, pools) if number == 0 else {},
        unusable=demand.unusable,
        notes=demand.notes,
    )


def _history(table: JobTable, records: Records, pools: Sequence[str]) -> "dict[str, pd.DataFrame]":
    from sim.results.history import history_tables
    from sim.results.tables import jobs_table

    return {"jobs": jobs_table(table, records, pools)} | history_tables(records, list(pools))
