"""The ledger against the contracts: whatever the offers, lines add up to what each contract says by itself, to the cent."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.table import JobTable
from sim.engine.autoscaler import autoscale
from sim.engine.blocks import windows
from sim.engine.expiries import expiry
from sim.engine.pool import PoolPlan
from sim.engine.routing import RoutingTerms
from sim.engine.simulation import simulate
from sim.results.commitments import LIST_PRICE, OnDemand, commitment_figures, committed_beyond_usd, on_demand_prices
from sim.results.figures import replication_figures
from sim.results.ledger import UNUSED, Line, ledger
from sim.results.power import PowerDraw, power_lines
from sim.scenario.elastic import Elastic
from sim.scenario.providers import Pool
from sim.scenario.units import DAY, HOUR, MONTH, YEAR

HORIZON = 40 * DAY
RATES = st.lists(st.tuples(st.integers(1, 39), st.integers(0, 500)), max_size=3, unique_by=lambda one: one[0])
JOBS = st.lists(st.tuples(st.floats(0, 45), st.sampled_from([1, 2, 8, 16]), st.floats(0.01, 9)), min_size=1, max_size=25)


def cents(first: int, changes: list[tuple[int, int]]) -> dict[str, str]:
    """A price in steps, in cents and days."""
    return {"0 d": f"{first / 100} USD/GPU/h"} | {f"{day} d": f"{price / 100} USD/GPU/h" for day, price in sorted(changes)}


def paid(first: int, changes: list[tuple[int, int]], low: float, high: float) -> float:
    """USD that a GPU costs from `low` to `high` by the contract, step by step."""
    steps = [(0.0, first), *((day * DAY, price) for day, price in sorted(changes))]
    ends = [*(start for start, _ in steps[1:]), float("inf")]
    overlap = (max(0.0, min(high, end) - max(low, start)) for (start, _), end in zip(steps, ends, strict=True))
    return sum(span / HOUR * price / 100 for span, (_, price) in zip(overlap, steps, strict=True))


def terms(offer: dict[str, object], nodes: int = 2) -> Pool:
    return Pool.model_validate({"gpu": "x", "nodes": nodes, "offer": offer})


@settings(max_examples=60, deadline=None)
@given(
    rows=JOBS,
    prices=st.lists(st.tuples(st.integers(0, 500), RATES), min_size=5, max_size=5),
    discount=st.integers(0, 60),
    upfront=st.integers(0, 100),
    minimum=st.integers(0, 300),
    window=st.tuples(st.integers(0, 20), st.integers(1, 30)),
)
def test_lines_figures_and_contracts_are_the_same_money(
    pool: Callable[..., PoolPlan],
    rows: list[tuple[float, int, float]],
    prices: list[tuple[int, list[tuple[int, int]]]],
    discount: int,
    upfront: int,
    minimum: int,
    window: tuple[int, int],
) -> None:
    """Owned, reserved, a block, on-demand and spot side by side, each with a price that changes on dates."""
    start, end = window[0] * DAY, (window[0] + window[1]) * DAY
    pools = [
        terms({"owned": cents(*prices[0])}),
        terms({"reserved": cents(*prices[1]), "term": "1 y", "discount": f"{discount}%", "upfront": f"{upfront}%"}),
        terms({"block": cents(*prices[2]), "windows": [{"start": f"{start} s", "end": f"{end} s"}]}),
        terms({"on-demand": cents(*prices[3]), "minimum": f"{minimum} min"}),
        terms({"spot": cents(*prices[4]), "reclaim": {"mtbf": "1 y"}}),
    ]
    block = {"deliveries": ((start, 2),), "promised": (start,), "changes": (lambda site, _: windows(site, 2, [(start, end)]),)}
    leased = {"keep_warm_s": 600.0, "draw_delay": lambda: 300.0, "mean_delay_s": 300.0}
    plans = [
        pool(2, 8),
        pool(3, 8),
        pool(0, 8, expiring=2, **block),
        pool(4, 8, minimum_s=minimum * 60.0, **leased),
        pool(5, 8, **leased),
    ]
    pools[1] = pools[1].model_copy(update={"nodes": 3})
    arrival, gpus, days = (np.array(column) for column in zip(*rows, strict=True))
    jobs = JobTable.build(arrival * DAY, gpus.astype(np.int32), days * DAY, checkpoint_s=3600.0)
    records = simulate(jobs, plans, routing=RoutingTerms(overflow_s=1.0))
    lines = ledger(jobs, records, pools, plans, HORIZON)

    def leases(index: int, least: float) -> float:
        from_s, to_s = records.leases[index]
        spans = zip(from_s, np.maximum(to_s, from_s + least), strict=True)
        return 8 * sum(paid(*prices[index], min(low, HORIZON), min(high, HORIZON)) for low, high in spans)

    whole_block = 16 * paid(*prices[2], start, end)
    effective = [
        16 * paid(*prices[0], 0, HORIZON),
        24 * paid(*prices[1], 0, HORIZON) * (1 - discount / 100),
        16 * paid(*prices[2], start, min(end, HORIZON)),
        leases(3, minimum * 60.0),
        leases(4, 0.0),
    ]
    year = 24 * paid(*prices[1], 0, YEAR) * (1 - discount / 100) * upfront / 100
    billed = [effective[0], effective[1] * (1 - upfront / 100) + year, whole_block, effective[3], effective[4]]
    for index, plan in enumerate(plans):
        of_pool = [line for line in lines if line.pool == plan.name]
        assert sum(line.effective_usd for line in of_pool) == pytest.approx(effective[index], abs=0.005)
        assert sum(line.billed_usd for line in of_pool) == pytest.approx(billed[index], abs=0.005)
        assert all(line.effective_usd >= 0 and line.quantity >= 0 for line in of_pool)
    beyond = [0, 24 * paid(*prices[1], HORIZON, YEAR) * (1 - discount / 100), 16 * paid(*prices[2], HORIZON, max(end, HORIZON)), 0, 0]
    for index, words in enumerate(pools):
        assert committed_beyond_usd(index, words, records, HORIZON) == pytest.approx(beyond[index], abs=0.005)
    figures = replication_figures(jobs, records, pools, plans, lines, 0.0, HORIZON)
    total = pytest.approx(sum(effective), abs=0.005)
    assert figures["cost.usd"] == total
    assert sum(value for name, value in figures.items() if name.startswith("pool.") and name.endswith("cost_usd")) == total
    assert figures["workload.jobs.cost_usd"] + figures["cost.unused_usd"] == total
    assert sum(line.gpu_hours for line in lines) == pytest.approx(figures["gpu_hours.paid"])


@settings(max_examples=100, deadline=None)
@given(
    price=st.tuples(st.integers(0, 500), RATES),
    term=st.integers(1, 60),
    discount=st.integers(0, 60),
    upfront=st.integers(0, 100),
    delivery=st.integers(0, 50),
    expiry_day=st.integers(1, 50),
)
def test_every_term_of_a_commitment_is_billed_once(
    pool: Callable[..., PoolPlan],
    price: tuple[int, list[tuple[int, int]]],
    term: int,
    discount: int,
    upfront: int,
    delivery: int,
    expiry_day: int,
) -> None:
    """What it cost and what it costs beyond the horizon pay for every hour from when nodes come until they leave, or the running term ends;
    of nodes that come after the horizon, for a term. What was billed is all that but what falls due later."""
    offer = {"reserved": cents(*price), "term": f"{term} d", "discount": f"{discount}%", "upfront": f"{upfront}%"}
    leaving = {"changes": (lambda site, _: expiry(site, expiry_day * DAY, 1, "interrupt"),), "expiring": 1}
    plan, words = pool(2, 8, deliveries=((delivery * DAY, 1),), **leaving), terms(offer)
    jobs = JobTable.build(np.array([0.0, 60 * DAY]), np.array([8, 8], np.int32), np.array([60.0, 60.0]))
    records = simulate(jobs, [plan])
    lines = ledger(jobs, records, [words], [plan], HORIZON)
    beyond = committed_beyond_usd(0, words, records, HORIZON)

    def to_end_of_term(came: int) -> float:
        return paid(*price, came * DAY, (came + term * -((came - 40) // term)) * DAY)

    first = paid(*price, 0, expiry_day * DAY) if expiry_day < 40 else to_end_of_term(0)
    delivered = to_end_of_term(delivery) if delivery < 40 else paid(*price, delivery * DAY, (delivery + term) * DAY)
    whole = 8 * (first + to_end_of_term(0) + delivered) * (1 - discount / 100)
    assert sum(line.effective_usd for line in lines) + beyond == pytest.approx(whole, abs=0.005)
    unbegun = 8 * delivered * (1 - discount / 100) if delivery >= 40 else 0.0
    due_later = unbegun + (beyond - unbegun) * (1 - upfront / 100)
    assert sum(line.billed_usd for line in lines) + due_later == pytest.approx(whole, abs=0.005)


@pytest.mark.parametrize(
    ("days", "upfront", "billed", "beyond"),
    [(90, 100, 17280, 0), (80, 100, 17280, 1920), (80, 50, 3 * 2880 + 0.5 * 15360, 1920), (91, 0, 17472, 29 * 192), (90, 0, 17280, 0)],
)
def test_a_commitment_is_renewed_when_its_term_ends(
    pool: Callable[..., PoolPlan], days: int, upfront: int, billed: float, beyond: float
) -> None:
    """Eight GPUs at 1 USD for terms of 30 d, 5 760 USD each: the share upfront is due on the first day of each, the rest by the hour.
    What a term costs beyond the horizon is the same however it is paid."""
    words, plan = terms({"reserved": "1 USD/GPU/h", "term": "30 d", "upfront": f"{upfront}%"}, 1), pool(1, 8)
    jobs = JobTable.build(np.array([0.0]), np.array([8], np.int32), np.array([60.0]))
    records = simulate(jobs, [plan])
    lines = ledger(jobs, records, [words], [plan], days * DAY)
    assert sum(line.billed_usd for line in lines) == pytest.approx(billed)
    assert sum(line.effective_usd for line in lines) == pytest.approx(days * 192)
    assert [line.from_s for line in lines if line.purchase] == ([0.0, 30 * DAY, 60 * DAY] if upfront else [])
    assert committed_beyond_usd(0, words, records, days * DAY) == pytest.approx(beyond)


def test_a_block_is_committed_to_beyond_the_horizon_too(pool: Callable[..., PoolPlan]) -> None:
    """Sixteen GPUs at 2 USD from day 8 to 20, of which ten days are simulated, and four days later on: 7 680 and 3 072 USD beyond."""
    windows_of = [{"start": "8 d", "end": "20 d"}, {"start": "30 d", "end": "34 d"}]
    words = terms({"block": "2 USD/GPU/h", "windows": windows_of})
    records = simulate(JobTable.build(np.array([0.0]), np.array([8], np.int32), np.array([60.0])), [pool(2, 8)])
    assert committed_beyond_usd(0, words, records, 10 * DAY) == pytest.approx(7680 + 3072)
    assert committed_beyond_usd(0, words, records, 40 * DAY) == 0.0


def test_bought_nodes_cost_what_they_lose_in_value() -> None:
    """A node of 8 GPUs for 280 000 USD over 4 years, 12 % left at their end: 0.879 USD for each GPU and hour, 246 400 in all."""
    pool = terms({"owned": {"capex": "280 kUSD/node", "life": "4 y", "residual": "12%"}})
    rate = pool.offer.price(8).steps[0][1]
    assert rate == pytest.approx(0.87899, abs=1e-5)
    assert rate * 8 * 4 * 8760 == pytest.approx(246_400)
    by_gpu = terms({"owned": {"capex": "35000 USD/GPU", "life": "4 y", "residual": "12%"}})
    assert by_gpu.offer.price(8).steps[0][1] == pytest.approx(rate)


def test_a_short_lease_is_paid_for_the_minimum(pool: Callable[..., PoolPlan]) -> None:
    """Ten minutes of work at 3 USD with an hour's minimum: 8 GPU-hours, 24 USD, of which 4 are used."""
    plan = pool(1, 8, keep_warm_s=0.0, minimum_s=HOUR)
    jobs = JobTable.build(np.array([0.0]), np.array([8], np.int32), np.array([600.0]))
    lines = ledger(jobs, simulate(jobs, [plan]), [terms({"on-demand": "3 USD/GPU/h", "minimum": "1 h"}, 1)], [plan], DAY)
    assert {line.workload: round(line.effective_usd, 6) for line in lines} == {"jobs": 4.0, UNUSED: 20.0}


def test_the_least_nodes_of_an_elastic_pool_are_paid_and_draw_power_to_the_horizon(pool: Callable[..., PoolPlan]) -> None:
    """Two nodes at 1 USD for 10 days, though work ends after an hour: 3840 GPU-hours, 8 of them used; at 700 W at work and 100 W idle."""
    word = Elastic.model_validate({"min": 2, "max": 4, "scale-up": {"queue-wait": "10 min"}})
    scaling = (lambda site, watch: autoscale(site, watch, word, lambda: 300.0),)
    plan, offer = pool(2, 8, grows_to=4, metered=True, changes=scaling), terms({"on-demand": "1 USD/GPU/h"})
    jobs = JobTable.build(np.array([0.0]), np.array([8], np.int32), np.array([HOUR]))
    records = simulate(jobs, [plan])
    assert {line.workload: line.effective_usd for line in ledger(jobs, records, [offer], [plan], 10 * DAY)} == {"jobs": 8.0, UNUSED: 3832.0}
    energy = power_lines(jobs, records, [offer], [plan], [PowerDraw(700.0, 100.0)], 10 * DAY)
    assert {line.workload: line.quantity for line in energy} == pytest.approx({"jobs": 5.6, UNUSED: 383.2})


def test_commitments_say_how_well_they_are_used_and_when_they_pay() -> None:
    """2 USD committed against 5 USD on demand: even at 40 %, and used half it pays."""
    pools = [terms({"reserved": "2 USD/GPU/h", "term": "1 y"}), terms({"on-demand": "5 USD/GPU/h"})]
    figures = commitment_figures(pools, ["p.a", "p.b"], [50.0, 10.0], [100.0, 10.0], [200.0, 50.0], MONTH)
    assert figures == {"pool.p.a.break_even_utilisation": 0.4, "commitment.utilisation": 0.5, "commitment.break_even_utilisation": 0.4}
    assert "commitment.break_even_utilisation" not in commitment_figures(pools[:1], ["p.a"], [50.0], [100.0], [200.0], MONTH)


def test_the_price_that_a_break_even_is_reckoned_with_is_named() -> None:
    """The cheapest pool of the same GPUs, the list's where none is, of GPUs that have a break-even alone."""
    pools = {"p.a": terms({"owned": "2 USD/GPU/h"}), "p.b": terms({"on-demand": "5 USD/GPU/h"}), "p.c": terms({"on-demand": "4 USD/GPU/h"})}
    pools["p.d"] = pools["p.a"].model_copy(update={"gpu": "h200-sxm"})
    of_x = OnDemand(gpu="x", usd_per_gpu_hour=4.0, seller="p.c")
    assert on_demand_prices(pools, {"pool.p.a.break_even_utilisation"}, MONTH) == (of_x,)
    listed = OnDemand(gpu="h200-sxm", usd_per_gpu_hour=3.5, seller=LIST_PRICE)
    assert on_demand_prices(pools, {f"pool.p.{name}.break_even_utilisation" for name in "ad"}, MONTH) == (of_x, listed)


def test_focus_names_purchases_discounts_and_spot() -> None:
    """Purchases are one-time, spot is priced dynamically, and list, contracted and effective cost stand side by side."""
    line = Line("p", "x", "-", "h100", "spot", "jobs", 0.0, HOUR, 8.0, 16.0, 12.0, 12.0, 12.0)
    row = line.focus()
    assert (row["PricingCategory"], row["ListCost"], row["ContractedCost"], row["ConsumedUnit"]) == ("Dynamic", 16.0, 12.0, "GPU-Hours")
    bought = Line("p", "x", "-", "h100", "block", UNUSED, 0.0, DAY, 0.0, 0.0, 0.0, 0.0, 99.0, purchase=True).focus()
    assert (bought["ChargeCategory"], bought["ChargeFrequency"], bought["PricingCategory"]) == ("Purchase", "One-Time", "Committed")
