"""What capacity cost, line by line: who was paid, for which pool, in which 30-day month, and which workload used it.

Columns have the names of the FinOps FOCUS specification, version 1.2; ``x_`` marks our own. Every GPU-hour paid is on exactly one line,
used by a workload or unused, so that the ledger adds up to what the contracts say. `EffectiveCost` spreads an upfront payment over the
hours it buys; `BilledCost` has it on the day it is due. Simulated time 0 is written as Monday 2024-01-01, 00:00 UTC.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from sim.demand.table import Floats, JobTable
from sim.engine.pool import PoolPlan
from sim.engine.records import Records
from sim.results.usage import capacity_gpu_s, overlap_s, used_gpu_s
from sim.scenario.providers import OnDemandOffer, OwnedOffer, Pool, ReservedOffer
from sim.scenario.units import HOUR, MONTH

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
UNUSED = "(unused)"


@dataclass(frozen=True)
class Line:
    """One charge. `gpu_hours` are those paid; a purchase (an upfront payment) has none, nor has a move of data (`moved_gb`).

    `list_usd_per_unit` is the list price of a GPU-hour, or of a GB moved.
    """

    provider: str
    pool: str
    region: str
    gpu: str
    offer: str
    workload: str
    from_s: float
    to_s: float
    gpu_hours: float
    effective_usd: float
    billed_usd: float
    list_usd_per_unit: float
    purchase: bool = False
    moved_gb: float = 0.0

    def focus(self) -> dict[str, object]:
        """The line under FOCUS column names."""
        committed = self.offer == "reserved"
        quantity, unit = (self.moved_gb, "GB") if self.moved_gb else (self.gpu_hours, "GPU-Hours")
        return {
            "ProviderName": self.provider,
            "RegionId": self.region,
            "ResourceId": f"{self.provider}.{self.pool}",
            "SkuId": "egress" if self.moved_gb else self.gpu,
            "ServiceCategory": "Networking" if self.moved_gb else "Compute",
            "ChargeCategory": "Purchase" if self.purchase else "Usage",
            "ChargeFrequency": "One-Time" if self.purchase else "Usage-Based",
            "ChargePeriodStart": EPOCH + timedelta(seconds=self.from_s),
            "ChargePeriodEnd": EPOCH + timedelta(seconds=self.to_s),
            "PricingCategory": "Committed" if committed else "Standard",
            "CommitmentDiscountStatus": (None if self.purchase or not committed else "Unused" if self.workload == UNUSED else "Used"),
            "ConsumedQuantity": quantity,
            "ConsumedUnit": unit,
            "ListCost": quantity * self.list_usd_per_unit,
            "ContractedCost": quantity * self.list_usd_per_unit,
            "EffectiveCost": self.effective_usd,
            "BilledCost": self.billed_usd,
            "BillingCurrency": "USD",
            "x_Workload": self.workload,
            "x_Offer": self.offer,
        }


def ledger(jobs: JobTable, records: Records, pools: Sequence[Pool], plans: Sequence[PoolPlan], horizon_s: float) -> list[Line]:
    """Every charge of one replication over [0, horizon]."""
    lines: list[Line] = []
    for low, high in billing_months(horizon_s):
        used = used_gpu_s(jobs, records, low, high, len(plans)) / HOUR
        for index, (pool, plan) in enumerate(zip(pools, plans, strict=True)):
            lines += _usage(index, pool, plan, jobs, records, used[index], low, high)
    for index, (pool, plan) in enumerate(zip(pools, plans, strict=True)):
        if isinstance(pool.offer, ReservedOffer) and pool.offer.upfront:
            lines += _upfront(index, pool, pool.offer, plan, records, horizon_s)
    return lines


def billing_months(horizon_s: float) -> Iterator[tuple[float, float]]:
    """The 30-day months of [0, horizon], the last one cut short."""
    return pairwise([*np.arange(0.0, horizon_s, MONTH).tolist(), horizon_s])


def paid_gpu_hours(index: int, pool: Pool, plan: PoolPlan, records: Records, from_s: float, to_s: float) -> float:
    """GPU-hours paid for: every one held, or on demand those between the provider's answer and the return."""
    if not isinstance(pool.offer, OnDemandOffer):
        return capacity_gpu_s(records, index, from_s, to_s) / HOUR
    nothing: Floats = np.empty(0)
    leased_from, leased_to = records.leases.get(index, (nothing, nothing))
    return float(overlap_s(leased_from, leased_to, from_s, to_s).sum()) * plan.gpus_per_node / HOUR


def price_of(pool: Pool) -> tuple[str, float]:
    """The offer's name and its USD per GPU-hour."""
    offer = pool.offer
    if isinstance(offer, OwnedOffer):
        return "owned", offer.owned
    if isinstance(offer, ReservedOffer):
        return "reserved", offer.reserved
    return "on-demand", offer.on_demand


def _usage(
    index: int, pool: Pool, plan: PoolPlan, jobs: JobTable, records: Records, used_hours: Floats, low: float, high: float
) -> Iterator[Line]:
    offer, price = price_of(pool)
    upfront = pool.offer.upfront if isinstance(pool.offer, ReservedOffer) else 0.0
    paid = paid_gpu_hours(index, pool, plan, records, low, high)
    hours = {name: float(used) for name, used in zip(jobs.workloads, used_hours, strict=True)}
    hours[UNUSED] = max(paid - sum(hours.values()), 0.0)
    for workload, gpu_hours in hours.items():
        if gpu_hours > 0:
            cost = gpu_hours * price
            billed = cost * (1 - upfront)
            yield Line(plan.provider, plan.name, pool.region, pool.gpu, offer, workload, low, high, gpu_hours, cost, billed, price)


def _upfront(index: int, pool: Pool, offer: ReservedOffer, plan: PoolPlan, records: Records, horizon_s: float) -> Iterator[Line]:
    """The upfront share of each commitment, due when its nodes come."""
    before = 0
    for which, time, gpus in records.capacity:
        if which != index:
            continue
        if gpus > before and time < horizon_s:
            due = (gpus - before) * offer.reserved * offer.upfront * offer.term / HOUR
            price = offer.reserved
            yield Line(plan.provider, plan.name, pool.region, pool.gpu, "reserved", UNUSED, time, time, 0.0, 0.0, due, price, purchase=True)
        before = gpus


def committed_beyond_usd(index: int, pool: Pool, records: Records, horizon_s: float) -> float:
    """What a reserved pool's commitments still oblige to pay after the horizon, upfront payments aside."""
    if not isinstance(pool.offer, ReservedOffer):
        return 0.0
    total, before = 0.0, 0
    for which, time, gpus in records.capacity:
        if which == index and time < horizon_s:
            left = max(0.0, time + pool.offer.term - horizon_s)
            total += (gpus - before) * left / HOUR * pool.offer.reserved * (1 - pool.offer.upfront)
            before = gpus
    return total
