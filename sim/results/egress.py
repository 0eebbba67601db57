"""What moving data cost: the provider that they leave is paid by the GB, in the month in which the move begins."""

from collections.abc import Iterator, Sequence

import numpy as np

from sim.demand.table import JobTable
from sim.engine.links import Links
from sim.engine.pool import PoolPlan
from sim.engine.records import Records
from sim.results.ledger import Line, billing_months
from sim.scenario.providers import Pool

GB = 1e9


def egress_lines(
    jobs: JobTable, records: Records, pools: Sequence[Pool], plans: Sequence[PoolPlan], links: Links | None, horizon_s: float
) -> Iterator[Line]:
    """A line for each month, pool and workload whose data left the pool for a price."""
    if links is None:
        return
    for low, high in billing_months(horizon_s):
        gb = np.zeros((len(pools), len(jobs.workloads)))
        usd = np.zeros_like(gb)
        for one in records.transfers:
            price = links.usd_per_byte[one.source, one.target]
            if low <= one.start_s < high and price:
                cell = one.source, jobs.workload[one.job]
                gb[cell] += one.size_bytes / GB
                usd[cell] += one.size_bytes * price
        for index, work in np.argwhere(gb).tolist():
            moved, cost, plan = float(gb[index, work]), float(usd[index, work]), plans[index]
            yield Line(
                provider=plan.provider,
                pool=plan.name,
                region=pools[index].region,
                sku="egress",
                offer="egress",
                workload=jobs.workloads[work],
                from_s=low,
                to_s=high,
                quantity=moved,
                unit="GB",
                list_usd=cost,
                contracted_usd=cost,
                effective_usd=cost,
                billed_usd=cost,
            )


def transfer_figures(records: Records, lines: Sequence[Line], horizon_s: float) -> dict[str, float]:
    """``transfers`` (moves begun within the horizon), ``transfers.gb`` and ``cost.egress_usd``."""
    begun = [one.size_bytes / GB for one in records.transfers if one.start_s < horizon_s]
    paid = sum(line.effective_usd for line in lines if line.unit == "GB")
    return {"transfers": float(len(begun)), "transfers.gb": sum(begun), "cost.egress_usd": paid}
