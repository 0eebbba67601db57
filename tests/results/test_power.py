"""Energy, its cost and its emissions: published tonnes, exact integrals over an hourly file, and idle nodes that draw too."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.cost.calibration import Measurement
from sim.cost.devices import shipped_calibration
from sim.cost.published import EMISSIONS
from sim.demand.step_path import StepPath
from sim.demand.table import JobTable, concatenate
from sim.engine.pool import PoolPlan
from sim.engine.simulation import simulate
from sim.results.ledger import UNUSED, Line
from sim.results.power import PowerDraw, energy_figures, power_lines
from sim.scenario.document import parse_set
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.scenario.providers import Pool
from sim.scenario.units import DAY, HOUR
from sim.study.preparation import prepare
from sim.study.replication import replicate
from sim.study.run import run_plan
from sim.study.runner import Runner

OWNED = Pool.model_validate({"gpu": "h100-sxm", "nodes": 2, "offer": {"owned": "2 USD/GPU/h"}})


def flat(level: float) -> StepPath:
    return StepPath(np.zeros(1), np.array([level]))


def drawn(plan: PoolPlan, draw: PowerDraw, jobs: JobTable, horizon: float) -> list[Line]:
    return list(power_lines(jobs, simulate(jobs, [plan]), [OWNED], [plan], [draw], horizon))


def implied(hours: float, tonnes: float, rounding: float) -> tuple[float, float]:
    """kg/kWh, PUE included, between which a published row lies, its last digits being rounded."""
    kwh = hours * 0.7
    return (tonnes - rounding) * 1e3 / kwh, (tonnes + rounding) * 1e3 / kwh


def test_published_tonnes_are_one_intensity_and_come_out_of_the_ledger(pool: Callable[..., PoolPlan]) -> None:
    """Five Llama cards: GPU-hours × 700 W × one product of PUE and intensity (the cards state neither) give every row to its rounding."""
    rounding = {420: 5, 2040: 5, 8930: 5, 71: 0.5, 513: 0.5}
    half_a_digit = {1.46e6: 5e3, 7.0e6: 5e4, 30.84e6: 5e3}
    low, high = 0.0, np.inf
    for _, hours, tonnes, _ in EMISSIONS:
        spare = half_a_digit.get(hours, 1e3)
        low = max(low, implied(hours + spare, tonnes, rounding[tonnes])[0])
        high = min(high, implied(hours - spare, tonnes, rounding[tonnes])[1])
    assert low < high
    pue, carbon = 1.08, (low + high) / 2 / 1.08
    print(f"kg/kWh with PUE between {low:.4f} and {high:.4f}")
    draw = PowerDraw(700.0 * pue, 0.0, carbon=flat(carbon))
    for _, hours, tonnes, _ in EMISSIONS:
        span = hours / 16 * HOUR
        jobs = JobTable.build(np.zeros(1), np.array([16], np.int32), np.array([span]))
        figures = energy_figures(drawn(pool(2, 8), draw, jobs, span), [pool(2, 8)], jobs.workloads)
        assert figures["energy.kwh"] == pytest.approx(hours * 0.7 * pue)
        assert figures["carbon.tonnes"] == pytest.approx(tonnes, rel=rounding[tonnes] / tonnes + half_a_digit.get(hours, 1e3) / hours)


def test_an_hourly_file_counts_the_hours_in_which_work_ran(pool: Callable[..., PoolPlan]) -> None:
    """8 GPUs at 1 kW for 90 minutes from 0:30, hours at 0.1, 0.5 and 0.2 kg/kWh: 0.4 + 4 kg; idle nodes draw 0.1 kW a GPU."""
    hourly = StepPath(np.arange(3) * HOUR, np.array([0.1, 0.5, 0.2]), 3 * HOUR)
    jobs = JobTable.build(np.array([0.5 * HOUR]), np.array([8], np.int32), np.array([1.5 * HOUR]))
    lines = drawn(pool(2, 8), PowerDraw(1000.0, 100.0, price=flat(0.2), carbon=hourly), jobs, 4 * HOUR)
    by_use = {line.workload: line for line in lines}
    assert by_use["jobs"].quantity == pytest.approx(12.0)
    assert by_use["jobs"].carbon_kg == pytest.approx(8 * (0.5 * 0.1 + 1.0 * 0.5))
    assert by_use[UNUSED].quantity == pytest.approx((16 * 4 - 12) * 0.1)
    idle = 16 * (0.1 + 0.5 + 0.2 + 0.1) - 8 * (0.5 * 0.1 + 1.0 * 0.5)
    assert by_use[UNUSED].carbon_kg == pytest.approx(idle * 0.1)
    assert sum(line.effective_usd for line in lines) == pytest.approx(0.2 * sum(line.quantity for line in lines))
    row = by_use["jobs"].focus()
    assert (row["ConsumedUnit"], row["SkuId"], row["ServiceCategory"]) == ("kWh", "electricity", "Other")


def test_leased_nodes_draw_only_while_they_are_leased(pool: Callable[..., PoolPlan]) -> None:
    """An hour of work and half an hour kept warm in a day: 8 GPU-hours active, 4 idle, whatever is billed at least."""
    plan = pool(2, 8, keep_warm_s=0.5 * HOUR, minimum_s=6 * HOUR)
    jobs = JobTable.build(np.zeros(1), np.array([8], np.int32), np.array([HOUR]))
    lines = drawn(plan, PowerDraw(700.0, 100.0), jobs, DAY)
    assert {line.workload: pytest.approx(line.quantity) for line in lines} == {"jobs": 5.6, UNUSED: 0.4}
    assert all(line.effective_usd == 0 for line in lines)


def test_work_whose_power_was_measured_draws_that(pool: Callable[..., PoolPlan]) -> None:
    """Two workloads of 8 GPUs for an hour each: one at the limit of 700 W, one as measured at 400 W."""
    eight, hour = np.array([8], np.int32), np.array([HOUR])
    tables = [JobTable.build(np.array([start]), eight, hour, workload=name) for name, start in (("a", 0.0), ("b", HOUR))]
    lines = drawn(pool(1, 8), PowerDraw(700.0, 100.0, measured_w={"b": 400.0}), concatenate(tables), 2 * HOUR)
    assert {line.workload: pytest.approx(line.quantity) for line in lines} == {"a": 5.6, "b": 3.2}


@pytest.fixture
def powered(small: Path) -> Path:
    """The small scenario with power at both providers, the first one's nodes owned."""
    text = small.read_text(encoding="utf-8").replace("reserved: 2.20 USD/GPU/h, term: 1 y, upfront: 20%", "owned: 1.10 USD/GPU/h")
    text = text.replace("first: {pools", "first: {power: {pue: 1.3, host: 2 kW, price: 90 USD/MWh, carbon: 380 g/kWh}, pools")
    text = text.replace("second: {pools", "second: {power: {active: 500 W, idle: 50 W}, pools")
    small.write_text(text, encoding="utf-8")
    return small


def test_parts_of_energy_add_up(powered: Path) -> None:
    """By provider, pool and workload (idle beside them) the same kWh, USD and tonnes; the owner pays, the renter does not."""
    preparation = prepare(open_document(str(powered)))
    own, rented = preparation.power
    assert own is not None
    assert rented is not None
    assert own.active_w == pytest.approx((700 + 250) * 1.3)
    assert own.idle_w == pytest.approx((0.15 * 700 + 250) * 1.3)
    assert (rented.active_w, rented.idle_w, rented.price, rented.carbon) == (500.0, 50.0, None, None)
    figures = replicate(preparation, 0).figures
    for what in ("energy.kwh", "cost.energy_usd", "carbon.tonnes"):
        total = figures[what]
        for kind, parts in (("provider", ("first", "second")), ("pool", ("first.a", "second.b"))):
            assert sum(figures[f"{kind}.{name}.{what}"] for name in parts) == pytest.approx(total)
    by_work = sum(figures[f"workload.{name}.energy.kwh"] for name in ("merges", "tunes"))
    assert by_work + figures["energy.idle_kwh"] == pytest.approx(figures["energy.kwh"])
    first = figures["provider.first.energy.kwh"]
    assert figures["cost.energy_usd"] == pytest.approx(0.09 * first)
    assert figures["carbon.tonnes"] == pytest.approx(0.38 * first / 1e3)
    assert figures["provider.second.energy.kwh"] > 0
    assert figures["pool.first.a.cost_usd"] == pytest.approx(1.10 * 8 * 240 + 0.09 * first)


def test_power_that_was_measured_stands_in_for_the_limit_unless_the_scenario_says_otherwise(powered: Path) -> None:
    """Every family of the H100's at 400 W: work draws those, GPUs that idle still a share of the limit; ``active`` in the scenario wins."""
    calibration = shipped_calibration("h100-sxm")
    one = {"dtype": "bf16", "repeats": 3, "shape": {"m": 1}, "median_s": 1.0, "p5_s": 1.0, "p95_s": 1.0, "energy_j": 400.0}
    shapes = [Measurement.model_validate(one | {"probe": family, "family": family}) for family in calibration.fits for _ in range(2)]
    file = powered.parent / "measured.json"
    measured = calibration.model_copy(update={"measurements": tuple(shapes)})
    file.write_text(measured.model_dump_json(), encoding="utf-8")
    document = open_document(str(powered)).override("calibration", str(file)).override("horizon", "2 d").override("replications", 1)
    preparation = prepare(document)
    own, rented = preparation.power
    assert own is not None
    assert rented is not None
    assert own.measured_w == {name: pytest.approx((400 + 250) * 1.3) for name in ("merges", "tunes")}
    assert own.idle_w == pytest.approx((0.15 * 700 + 250) * 1.3)
    assert not rented.measured_w
    run = run_plan(document, runner=Runner(1))
    assert "energy in first.a: GPUs draw what was measured for such work" in run.summary.notes
    assert not any("second.b" in note for note in run.summary.notes)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("providers.second.power={price: 0.1 USD/kWh}", "providers.second.power.price: found a price of electricity beside no owned nodes"),
        ("providers.first.power={pue: 0.9}", "found 0.9; PUE is a site's power over that of its computers"),
        ("providers.first.power={active: 300 W, idle: 400 W}", "found idle 400 W over active 300 W"),
        ("providers.first.power={carbon: 0.4}", "found 0.4, which has no unit; a carbon intensity takes one of kg/kWh, g/kWh"),
        (
            "providers.first.power={carbon: {0 d: 0.4 kg/kWh, 20 d: 0.3 kg/kWh}}",
            "power.carbon: found 20 d, which is not before the horizon",
        ),
        ("providers.first.power={active: -5 W}", "a power must not be under 0"),
    ],
)
def test_power_that_cannot_be_is_refused(powered: Path, written: str, says: str) -> None:
    """Rents include electricity; PUE is 1 or more; idling draws no more than working; units and dates."""
    with pytest.raises(InputError) as caught:
        validate(open_document(str(powered)).override(*parse_set(written)))
    assert says in str(caught.value)


def test_a_device_of_unknown_power_must_say_it(powered: Path) -> None:
    """A type that no datasheet knows, in a run of recorded jobs: the power is asked for, never guessed."""
    rows = powered.parent / "jobs.csv"
    rows.write_text("submit_s,gpus,duration_s\n0,1,60\n")
    document = open_document(str(powered)).override("workloads", {"jobs": {"kind": "trace", "format": "csv", "path": str(rows)}})
    document = document.override("providers.first.pools.a.gpu", "abacus")
    with pytest.raises(InputError, match=r"providers\.first\.power: nobody states the power of GPU type 'abacus'; add it"):
        prepare(document)
    assert prepare(document.override(*parse_set("providers.first.power={active: 90 W}"))).power[0] == PowerDraw(90.0, pytest.approx(13.5))
