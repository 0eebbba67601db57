"""Run plans: all their replications, wherever the runner has them run, joined into one summary a plan."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

import sim
from sim.cost.durations import families
from sim.results.breach import breaches
from sim.results.commitments import on_demand_prices
from sim.results.power import power_notes
from sim.results.precision import Precision, relative_half_width, wanted
from sim.results.run_folder import write_run
from sim.results.statistics import Intervals, estimate
from sim.results.summary import Basis, Summary, WaitCurve, join_figures, verdicts, why_unmeasured
from sim.results.warmup import check_warmup
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import resolved_yaml
from sim.scenario.nearest import nearest
from sim.scenario.scenario import Scenario
from sim.scenario.workloads import TraceWorkload
from sim.study.preparation import Preparation, prepare
from sim.study.replication import QUANTILES, Replication
from sim.study.runner import Runner
from sim.study.tasks import Task


@dataclass(frozen=True)
class Run:
    """A finished plan: its summary and the tables of the run folder."""

    preparation: Preparation
    summary: Summary
    tables: dict[str, pd.DataFrame]

    @property
    def folder_name(self) -> str:
        return run_name(self.preparation)

    def write(self, folder: Path) -> None:
        """Fill a folder from `sim.results.run_folder.written_folder`."""
        write_run(folder, resolved_yaml(self.preparation.document), self.summary, self.tables, self.preparation.calibrations)


def run_plan(document: Document, *, plan: str = "as written", runner: Runner | None = None) -> Run:
    """Run every replication of a document; the result does not depend on the runner. InputError where it cannot be run."""
    ((_, run),) = finished_runs({plan: prepare(document)}, runner)
    return run


def finished_runs(preparations: Mapping[str, Preparation], runner: Runner | None = None) -> Iterator[tuple[str, Run]]:
    """Run every replication of every plan over the same workers; gives each plan in turn, as soon as it is through."""
    if runner is None:
        with Runner() as own:
            yield from finished_runs(preparations, own)
        return
    for plan, done in _enough(preparations, runner):
        yield plan, Run(preparations[plan], _summary(preparations[plan], plan, done), _tables(done))


def _enough(preparations: Mapping[str, Preparation], runner: Runner) -> Iterator[tuple[str, list[Replication]]]:
    """Every plan's replications, as many as it asks for: a fixed number, or until its figure is known within the share asked for.

    Plans that repeat alike get as many as the one that needs most, so that they stay paired; all are then held until the last is known.
    """
    fixed = all(one.scenario.until is None for one in preparations.values())
    replications = runner.replications(
        [Task(one, number, plan) for plan, one in preparations.items() for number in range(one.scenario.replications)]
    )
    done: dict[str, list[Replication]] = {}
    for plan, one in preparations.items():
        done[plan] = list(islice(replications, one.scenario.replications))
        if fixed:
            yield plan, done.pop(plan)
    while done:
        needs = {plan: _wanted(preparations[plan], found) for plan, found in done.items()}
        alike = {plan: _repeats(preparations[plan].scenario) for plan in done}
        wants = {plan: max(need for other, need in needs.items() if alike[other] == alike[plan]) for plan in done}
        more = [(plan, number) for plan, found in done.items() for number in range(len(found), wants[plan])]
        if not more:
            yield from done.items()
            return
        for (plan, _), replication in zip(
            more, runner.replications([Task(preparations[plan], number, plan) for plan, number in more]), strict=True
        ):
            done[plan].append(replication)


def _repeats(scenario: Scenario) -> tuple[object, ...]:
    return scenario.seed, scenario.replications, scenario.until, scenario.antithetic


def _wanted(preparation: Preparation, done: list[Replication]) -> int:
    """How many replications to have before looking again; as many as there are where they do."""
    precision = _precision(preparation, done)
    return len(done) if precision is None else wanted(len(done), precision, pairs=preparation.scenario.antithetic)


def _precision(preparation: Preparation, done: list[Replication]) -> Precision | None:
    """How well the figure that the scenario asks about is known; InputError where no figure has that name."""
    until = preparation.scenario.until
    if until is None:
        return None
    known = dict.fromkeys(name for one in done for name in one.figures)
    if until.figure not in known:
        message = f"found {until.figure!r}, which is no figure of this plan; {nearest(until.figure, list(known))}"
        raise InputError.of(message, where=preparation.document.place(("until", "figure")), key="until.figure")
    values = [one.figures.get(until.figure) for one in done]
    reached = relative_half_width(estimate(values, intervals=_intervals(preparation.scenario), name=until.figure))
    return Precision(figure=until.figure, within=until.within, at_most=until.at_most, reached=reached)


def _intervals(scenario: Scenario) -> Intervals:
    return Intervals(scenario.intervals, scenario.antithetic, scenario.seed)


def _summary(preparation: Preparation, plan: str, done: list[Replication]) -> Summary:
    scenario = preparation.scenario
    intervals = _intervals(scenario)
    figures = join_figures([replication.figures for replication in done], intervals)
    first = done[0]
    curves = {
        name: WaitCurve(
            quantiles=tuple(QUANTILES.tolist()),
            wait_s=tuple(np.mean([one.wait_quantiles[name] for one in done if name in one.wait_quantiles], axis=0).tolist()),
        )
        for name in scenario.workloads
        if any(name in one.wait_quantiles for one in done)
    }
    return Summary(
        leadtime_version=sim.__version__,
        scenario=scenario.name,
        plan=plan,
        question=preparation.document.question,
        seed=scenario.seed,
        replications=len(done),
        intervals=intervals,
        precision=_precision(preparation, done),
        horizon_s=first.horizon_s,
        warmup_s=scenario.warmup,
        scenario_sha256=preparation.document.digest(),
        bases=tuple(_bases(preparation)),
        figures=figures,
        verdicts=verdicts(scenario, figures),
        wait_curves=curves,
        warmup_checks=check_warmup(scenario, pd.concat([one.timeline for one in done], ignore_index=True), first.horizon_s),
        breaches=breaches(scenario, [replication.figures for replication in done], first.horizon_s),
        target_utilisation=scenario.target_utilisation,
        unusable=dict(first.unusable),
        notes=(*power_notes(scenario, preparation.power), *first.notes),
        unmeasured="" if curves else _why_unmeasured(scenario, done),
        on_demand=on_demand_prices(dict(zip(first.pools, preparation.pools, strict=True)), figures, first.horizon_s),
    )


def _why_unmeasured(scenario: Scenario, done: list[Replication]) -> str:
    counted = sum(int(one.figures["jobs"]) for one in done)
    return why_unmeasured(sum(one.arrived for one in done), counted, done[0].horizon_s, scenario.warmup)


def _bases(preparation: Preparation) -> Iterable[Basis]:
    drawn = [work for work in preparation.scenario.workloads.values() if not isinstance(work, TraceWorkload)]
    for gpu, calibration in preparation.calibrations.items():
        used = {family for work in drawn for family in families(work, calibration)}
        validation = preparation.validations.get(gpu)
        yield Basis(
            gpu=gpu,
            device_id=calibration.device.id,
            device=calibration.device.name,
            source=calibration.source,
            completeness=calibration.completeness,
            date=calibration.date,
            sha256=hashlib.sha256(calibration.model_dump_json().encode()).hexdigest(),
            error_p95=max(calibration.fit(family).error_p95 for family in used),
            validated=validation.in_short if validation else None,
        )


def run_name(preparation: Preparation) -> str:
    """``<scenario>-<short hash>``: the same for the same scenario, seed, calibrations and version."""
    parts = [sim.__version__, preparation.document.digest(), *(basis.sha256 for basis in _bases(preparation))]
    return f"{preparation.scenario.name}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:8]}"


def _tables(done: list[Replication]) -> dict[str, pd.DataFrame]:
    return {
        **done[0].history,
        "timeline": pd.concat([one.timeline for one in done], ignore_index=True),
        "billing": pd.concat([one.billing for one in done], ignore_index=True),
    }
