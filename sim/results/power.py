"""Energy, what it costs and what it emits, as lines of the ledger: by pool, 30-day month and workload, idle nodes included.

A GPU that runs a job draws its active power: what the scenario says, else what was measured for such work (`sim.cost.power`), else the
device's limit. One that is held and runs none draws its idle power; leased nodes draw while they are leased.
Price and carbon intensity are integrated over time, so that an hourly file counts the hours in which work really ran.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.devices import shipped_calibration
from sim.cost.durations import node_type
from sim.cost.power import job_draw
from sim.demand.step_path import ONE, StepPath, step_path
from sim.demand.table import Floats, JobTable
from sim.engine.pool import PoolPlan
from sim.engine.records import Records
from sim.results.ledger import UNUSED, Line, billing_months, by_workload
from sim.results.paid import held_spans
from sim.results.usage import runs
from sim.scenario.errors import InputError
from sim.scenario.offers import OwnedOffer
from sim.scenario.power import IDLE_SHARE
from sim.scenario.providers import Pool
from sim.scenario.scenario import Scenario
from sim.scenario.units import HOUR
from sim.scenario.workloads import TraceWorkload

KILO = 1e3


@dataclass(frozen=True)
class PowerDraw:
    """Watts at the wall for each GPU, its share of the node included; `price` in USD/kWh where the planner pays, `carbon` in kg/kWh.

    `measured_w` by workload stands in for `active_w` where the power of such work was measured.
    """

    active_w: float
    idle_w: float
    price: StepPath | None = None
    carbon: StepPath | None = None
    measured_w: Mapping[str, float] = field(default_factory=dict)


def power_draws(scenario: Scenario, calibrations: Mapping[str, Calibration]) -> tuple[PowerDraw | None, ...]:
    """The draw of each pool, in order; None where nothing is said of power. InputError where nobody states a GPU's power."""
    return tuple(_draw(provider, name, pool, scenario, calibrations.get(pool.gpu)) for (provider, name), pool in scenario.pools().items())


def _draw(provider: str, name: str, pool: Pool, scenario: Scenario, calibration: Calibration | None) -> PowerDraw | None:
    word, key = pool.power, f"providers.{provider}.pools.{name}.power"
    if word is None:
        word, key = scenario.providers[provider].power, f"providers.{provider}.power"
    if word is None:
        return None
    active = word.active if word.active is not None else _stated_w(pool.gpu, calibration)
    if active is None:
        raise InputError.of(f"nobody states the power of GPU type {pool.gpu!r}; add it, as in 'active: 700 W'", key=key)
    idle = word.idle if word.idle is not None else IDLE_SHARE * active
    host = word.host / pool.gpus_per_node
    try:
        price = step_path(word.price) if word.price is not None and isinstance(pool.offer, OwnedOffer) else None
    except InputError as error:
        raise error.under(f"{key}.price") from None
    try:
        carbon = step_path(word.carbon) if word.carbon is not None else None
    except InputError as error:
        raise error.under(f"{key}.carbon") from None
    measured = {} if word.active is not None or calibration is None else _measured_w(scenario, calibration, node_type(pool, calibration))
    at_wall = {work: (watts + host) * word.pue for work, watts in measured.items()}
    return PowerDraw((active + host) * word.pue, (idle + host) * word.pue, price, carbon, at_wall)


def _measured_w(scenario: Scenario, calibration: Calibration, node: NodeType) -> dict[str, float]:
    """Watts of the workloads of whose work the calibration measured the power, in part at least; recorded jobs are of work unknown."""
    works = {name: work for name, work in scenario.workloads.items() if not isinstance(work, TraceWorkload)}
    draws = {name: job_draw(work, calibration, node) for name, work in works.items()}
    return {name: draw.watts for name, draw in draws.items() if draw is not None and draw.measured}


def power_notes(scenario: Scenario, draws: Sequence[PowerDraw | None]) -> list[str]:
    """What energy rests on, by pool, where the scenario asks for it and leaves the GPUs' power to be found."""
    notes = []
    for ((provider, name), pool), draw in zip(scenario.pools().items(), draws, strict=True):
        word = pool.power or scenario.providers[provider].power
        if draw is None or (word is not None and word.active is not None):
            continue
        measured = ", ".join(draw.measured_w)
        if set(draw.measured_w) == set(scenario.workloads):
            notes.append(f"energy in {provider}.{name}: GPUs draw what was measured for such work")
        elif measured:
            notes.append(f"energy in {provider}.{name}: {measured} draw what was measured, other work the power limit, an upper bound")
        else:
            notes.append(f"energy in {provider}.{name}: GPUs at work draw their power limit, an upper bound")
    return notes


def _stated_w(gpu: str, calibration: Calibration | None) -> float | None:
    """The power limit that a calibration or a datasheet states."""
    try:
        return (calibration or shipped_calibration(gpu)).device.power_limit_w
    except InputError:
        return None


def power_lines(
    jobs: JobTable,
    records: Records,
    pools: Sequence[Pool],
    plans: Sequence[PoolPlan],
    draws: Sequence[PowerDraw | None],
    horizon_s: float,
) -> Iterator[Line]:
    """A line for each month, pool and workload that drew power."""
    run = runs(jobs, records)
    for low, high in billing_months(horizon_s):
        for index, (pool, plan, draw) in enumerate(zip(pools, plans, draws, strict=True)):
            if draw is None:
                continue
            held = held_spans(index, plan, records)
            active = np.array([draw.measured_w.get(workload, draw.active_w) for workload in jobs.workloads])
            energy, usd, kg = (
                [0.0] * (len(jobs.workloads) + 1)
                if weight is None
                else _weighted_kwh(draw, active, held.integral(low, high, weight), by_workload(jobs, run, index, low, high, weight))
                for weight in (ONE, draw.price, draw.carbon)
            )
            for workload, kwh, cost, carbon in zip((*jobs.workloads, UNUSED), energy, usd, kg, strict=True):
                if kwh > 0:
                    yield Line(
                        plan.provider, plan.name, pool.region, "electricity", "power", workload, low, high,
                        kwh, cost, cost, cost, cost, unit="kWh", carbon_kg=carbon,
                    )  # fmt: skip


def _weighted_kwh(draw: PowerDraw, active_w: Floats, held_gpu_s: float, used_gpu_s: Floats) -> list[float]:
    """Energy of each workload at its watts, and of GPUs that ran none; times the weight by which the GPU-seconds were weighted."""
    idle = max(held_gpu_s - float(used_gpu_s.sum()), 0.0)
    return [watt_s / HOUR / KILO for watt_s in (*(used_gpu_s * active_w).tolist(), idle * draw.idle_w)]


def energy_figures(lines: Sequence[Line], plans: Sequence[PoolPlan], workloads: Sequence[str]) -> dict[str, float]:
    """``energy.kwh``, ``energy.idle_kwh``, ``cost.energy_usd`` and ``carbon.tonnes``, and by provider, pool and workload; none unasked."""
    drawn = [line for line in lines if line.unit == "kWh"]
    if not drawn:
        return {}
    groups = {"": drawn}
    groups |= {f"provider.{name}.": [one for one in drawn if one.provider == name] for name in {plan.provider: None for plan in plans}}
    groups |= {
        f"pool.{plan.full_name}.": [one for one in drawn if (one.provider, one.pool) == (plan.provider, plan.name)] for plan in plans
    }
    groups |= {f"workload.{name}.": [one for one in drawn if one.workload == name] for name in workloads}
    figures = {"energy.idle_kwh": sum(one.quantity for one in drawn if one.workload == UNUSED)}
    for prefix, of_group in groups.items():
        figures[f"{prefix}energy.kwh"] = sum(one.quantity for one in of_group)
        figures[f"{prefix}cost.energy_usd"] = sum(one.effective_usd for one in of_group)
        figures[f"{prefix}carbon.tonnes"] = sum(one.carbon_kg for one in of_group) / KILO
    return figures
