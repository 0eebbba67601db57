"""What capacity cost, line by line: who was paid, for which pool, in which 30-day month, and which workload used it.

Columns have the names of the FinOps FOCUS specification, version 1.2; ``x_`` marks our own. Every GPU-hour paid is on exactly one line,
used by a workload or unused, so that the ledger adds up to what the contracts say. `EffectiveCost` spreads an upfront payment over the
hours it buys; `BilledCost` has it on the day it is due. Simulated time 0 is written as Monday 2024-01-01, 00:00 UTC.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np

from sim.demand.step_path import ONE, StepPath
from sim.demand.table import Floats, JobTable
from sim.engine.pool import PoolPlan
from sim.engine.records import Records
from sim.results.commitments import COMMITTED, upfront_payments
from sim.results.paid import paid_spans
from sim.results.tariff import Tariff, tariff
from sim.results.usage import Runs, runs
from sim.scenario.providers import Pool
from sim.scenario.units import HOUR, MONTH

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
UNUSED = "(unused)"

Unit = Literal["GPU-Hours", "GB", "kWh"]
CATEGORIES: dict[Unit, str] = {"GPU-Hours": "Compute", "GB": "Networking", "kWh": "Other"}


@dataclass(frozen=True)
class Line:
    """One charge for a `quantity` of a `unit`; a purchase (an upfront payment) has a quantity of 0.

    `list_usd` is before, `contracted_usd` after discounts; both, like `effective_usd`, are spread over the hours that they buy.
    """

    provider: str
    pool: str
    region: str
    sku: str
    offer: str
    workload: str
    from_s: float
    to_s: float
    quantity: float
    list_usd: float
    contracted_usd: float
    effective_usd: float
    billed_usd: float
    unit: Unit = "GPU-Hours"
    purchase: bool = False
    carbon_kg: float = 0.0

    @property
    def gpu_hours(self) -> float:
        return self.quantity if self.unit == "GPU-Hours" else 0.0

    def focus(self) -> dict[str, object]:
        """The line under FOCUS column names."""
        committed = self.offer in COMMITTED
        return {
            "ProviderName": self.provider,
            "RegionId": self.region,
            "ResourceId": f"{self.provider}.{self.pool}",
            "SkuId": self.sku,
            "ServiceCategory": CATEGORIES[self.unit],
            "ChargeCategory": "Purchase" if self.purchase else "Usage",
            "ChargeFrequency": "One-Time" if self.purchase else "Usage-Based",
            "ChargePeriodStart": EPOCH + timedelta(seconds=self.from_s),
            "ChargePeriodEnd": EPOCH + timedelta(seconds=self.to_s),
            "PricingCategory": "Committed" if committed else "Dynamic" if self.offer == "spot" else "Standard",
            "CommitmentDiscountStatus": (None if self.purchase or not committed else "Unused" if self.workload == UNUSED else "Used"),
            "ConsumedQuantity": self.quantity,
            "ConsumedUnit": self.unit,
            "ListCost": self.list_usd,
            "ContractedCost": self.contracted_usd,
            "EffectiveCost": self.effective_usd,
            "BilledCost": self.billed_usd,
            "BillingCurrency": "USD",
            "x_Workload": self.workload,
            "x_Offer": self.offer,
            "x_CarbonKg": self.carbon_kg,
        }


def ledger(jobs: JobTable, records: Records, pools: Sequence[Pool], plans: Sequence[PoolPlan], horizon_s: float) -> list[Line]:
    """Every charge for capacity of one replication over [0, horizon]."""
    run, lines = runs(jobs, records), list[Line]()
    tariffs = [tariff(pool) for pool in pools]
    for low, high in billing_months(horizon_s):
        for index, (pool, plan) in enumerate(zip(pools, plans, strict=True)):
            lines += _usage(index, pool, plan, tariffs[index], jobs, run, records, low, high)
    for index, (pool, plan) in enumerate(zip(pools, plans, strict=True)):
        for at, until, usd in upfront_payments(index, pool, records, horizon_s):
            lines.append(_line(pool, plan, UNUSED, at, until, quantity=0.0, billed_usd=usd, purchase=True))
    return lines


def billing_months(horizon_s: float) -> Iterator[tuple[float, float]]:
    """The 30-day months of [0, horizon], the last one cut short."""
    return pairwise([*np.arange(0.0, horizon_s, MONTH).tolist(), horizon_s])


def by_workload(jobs: JobTable, run: Runs, pool: int, low_s: float, high_s: float, weight: StepPath = ONE) -> Floats:
    """Of each workload's runs on a pool, Σ GPUs × ∫ weight dt inside [low, high]."""
    here = run.pool == pool
    inside = weight.between(np.clip(run.start_s[here], low_s, high_s), np.clip(run.end_s[here], low_s, high_s))
    job = run.job[here]
    return np.bincount(jobs.workload[job], inside * run.gpus[here], minlength=len(jobs.workloads)).astype(np.float64)


def _usage(
    index: int, pool: Pool, plan: PoolPlan, terms: Tariff, jobs: JobTable, run: Runs, records: Records, low: float, high: float
) -> Iterator[Line]:
    paid = paid_spans(index, plan, records)
    hours, usd = (by_workload(jobs, run, index, low, high, path) / HOUR for path in (ONE, terms.price))
    shares = list(zip(jobs.workloads, hours.tolist(), usd.tolist(), strict=True))
    left, rest = (paid.integral(low, high, path) / HOUR for path in (ONE, terms.price))
    shares.append((UNUSED, max(left - float(hours.sum()), 0.0), max(rest - float(usd.sum()), 0.0)))
    for workload, quantity, list_usd in shares:
        if quantity > 0:
            cost = list_usd * (1 - terms.discount)
            yield _line(
                pool, plan, workload, low, high,
                quantity=quantity, list_usd=list_usd, contracted_usd=cost, effective_usd=cost, billed_usd=cost * (1 - terms.upfront),
            )  # fmt: skip


def _line(
    pool: Pool, plan: PoolPlan, workload: str, from_s: float, to_s: float, *, quantity: float, billed_usd: float, list_usd: float = 0.0,
    contracted_usd: float = 0.0, effective_usd: float = 0.0, purchase: bool = False,
) -> Line:  # fmt: skip
    return Line(
        plan.provider, plan.name, pool.region, pool.gpu, pool.offer.kind, workload, from_s, to_s,
        quantity, list_usd, contracted_usd, effective_usd, billed_usd, purchase=purchase,
    )  # fmt: skip
