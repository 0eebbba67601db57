"""Which inputs move the answer: every input is moved alone, for the tornado, and all together, for what they do in company.

Morris' screening walks through the inputs' ranges one input at a time from many starting points: the mean size of an input's steps (mu*)
ranks it, and their spread (sigma) says how much it acts through others or bends (M. D. Morris, 1991; mu* of Campolongo et al., 2007).
Sobol's indices, on request, split the variance instead (Saltelli et al., 2010) and take far more runs. All runs share their random
numbers, so that what is seen is the inputs and not the noise; calibration errors are inputs too, at their stated size, and are not drawn
besides.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

import sim
from sim.demand.table import Floats
from sim.results.difference import Difference, difference
from sim.results.run_folder import SENSITIVITY
from sim.results.statistics import Estimate, estimate
from sim.results.summary import Summary
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import validate
from sim.scenario.nearest import nearest
from sim.scenario.study import Sensitivity as Asked
from sim.study.inputs import Input, default_inputs, error_inputs, given_inputs
from sim.study.preparation import Preparation, prepare
from sim.study.run import finished_runs
from sim.study.runner import Runner
from sim.study.tasks import Task

LEVELS = 4


class Effect(BaseModel):
    """What one input does to one figure: alone at its two ends against the base, and in company.

    Of Morris, `strength` is mu* and `company` sigma, in the figure's unit over the whole range; of Sobol, `strength` is the total-order
    share of the variance and `company` the part of it that the input has only together with others. `strength_half` is the 95 %
    half-width.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: Difference
    high: Difference
    strength: float
    strength_half: float
    company: float


class Range(BaseModel):
    """An input's range as text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: str
    base: str
    high: str


class Sensitivity(BaseModel):
    """Effects by figure and input, the strongest first. Written as ``sensitivity.json``; `first` is the scenario's own summary."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    scenario: str
    question: str
    method: Literal["morris", "sobol"]
    runs: int
    inputs: dict[str, Range]
    base: dict[str, Estimate]
    effects: dict[str, dict[str, Effect]]
    first: Summary


@dataclass(frozen=True)
class SensitivityPlan:
    """A study ready to run."""

    document: Document
    preparation: Preparation
    asked: Asked
    inputs: tuple[Input, ...]

    @cached_property
    def folder_name(self) -> str:
        """``<scenario>-<short hash>``: the same for the same scenario, inputs, calibrations and version."""
        parts = [sim.__version__, self.preparation.document.digest(), repr(self.inputs), repr(self.asked)]
        parts += [calibration.model_dump_json() for calibration in self.preparation.calibrations.values()]
        return f"{self.preparation.scenario.name}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:8]}"

    def at(self, numbers: Sequence[float]) -> Preparation:
        """The scenario with every input at its number."""
        document = self.preparation.document
        errors = {}
        for one, number in zip(self.inputs, numbers, strict=True):
            if one.family is not None:
                errors[one.family] = float(number)
            elif number != one.base:
                document = document.override(one.name, one.written(number), place=f"{one.name} at {one.said(number)}")
        return replace(prepare(document), errors=errors)


def prepare_sensitivity(document: Document) -> SensitivityPlan:
    """The inputs of a scenario's ``study.sensitivity``, or of the default one; InputError for whatever cannot be varied."""
    _salib()
    asked = validate(document).study.sensitivity or Asked()
    plain = document.override("study", None)
    preparation = prepare(plain.override("until", None))
    place = document.place(("study", "sensitivity", "over"))
    named = list(given_inputs(plain, asked.over, place)) if asked.over else list(default_inputs(plain, asked.within))
    inputs = (*named, *error_inputs(preparation))
    if not inputs:
        raise InputError.of(
            "finds nothing to vary; name keys, as in --set workloads.finetune.arrivals.rate=20/d..60/d", where=document.file
        )
    plan = SensitivityPlan(document, preparation, asked, inputs)
    for ends in ([one.low for one in inputs], [one.high for one in inputs]):
        plan.at(ends)
    return plan


def _salib() -> Any:
    try:
        import SALib.analyze.morris
        import SALib.analyze.sobol
        import SALib.sample.morris
        import SALib.sample.sobol
    except ImportError:
        raise InputError.of("needs SALib: pip install 'leadtime[optimise]'", where="leadtime sensitivity") from None
    return SALib


def run_sensitivity(plan: SensitivityPlan, runner: Runner | None = None) -> Sensitivity:
    """Run every point; InputError where one of them cannot be run, naming the input that is at fault."""
    if runner is None:
        with Runner() as own:
            return run_sensitivity(plan, own)
    base = [one.base for one in plan.inputs]
    ((_, first),) = finished_runs({"as written": plan.at(base)}, runner)
    _refuse_figures(plan, first.summary)
    problem = {"num_vars": len(plan.inputs), "names": [one.name for one in plan.inputs], "bounds": [[0.0, 1.0]] * len(plan.inputs)}
    shares = _sample(plan, problem)
    alone = [[*base[:at], end, *base[at + 1 :]] for at, one in enumerate(plan.inputs) for end in (one.low, one.high)]
    together = [[one.at(share) for one, share in zip(plan.inputs, row, strict=True)] for row in shares.tolist()]
    found = _measured(plan, [base, *alone, *together], runner)
    effects, bases = {}, {}
    for figure in plan.asked.figures:
        values = [[one.get(figure) for one in replications] for replications in found]
        centre, *others = [estimate(row) for row in values]
        ends, companies = others[: len(alone)], others[len(alone) :]
        _refuse_gaps(figure, plan, [base, *alone, *together], [centre, *others])
        indices = _indices(plan, problem, shares, np.array([one.mean for one in companies], np.float64))
        by_input = {}
        for at, one in enumerate(plan.inputs):
            low, high = (difference(end, centre, paired=True) for end in ends[2 * at : 2 * at + 2])
            by_input[one.name] = Effect(low=low, high=high, **indices[at])
        effects[figure] = dict(sorted(by_input.items(), key=lambda item: -item[1].strength))
        bases[figure] = centre
    scenario = plan.preparation.scenario
    return Sensitivity(
        scenario=scenario.name,
        question=plan.preparation.document.question,
        method="sobol" if plan.asked.sobol else "morris",
        runs=len(found) * scenario.replications,
        inputs={one.name: Range(low=one.said(one.low), base=one.said(one.base), high=one.said(one.high)) for one in plan.inputs},
        base=bases,
        effects=effects,
        first=first.summary,
    )


def _refuse_figures(plan: SensitivityPlan, summary: Summary) -> None:
    for figure in plan.asked.figures:
        if figure not in summary.figures:
            message = f"found {figure!r}, which is no figure of this scenario; {nearest(figure, list(summary.figures))}"
            raise InputError.of(message, where=plan.document.place(("study", "sensitivity", "figures")), key="study.sensitivity.figures")


def _refuse_gaps(figure: str, plan: SensitivityPlan, points: Sequence[Sequence[float]], found: Sequence[Estimate]) -> None:
    for numbers, one in zip(points, found, strict=True):
        if one.mean is None:
            at = ", ".join(f"{each.name} = {each.said(number)}" for each, number in zip(plan.inputs, numbers, strict=True))
            raise InputError.of(f"{figure} has no value at {at}; narrow the ranges", where=plan.preparation.document.file)


def _measured(plan: SensitivityPlan, points: Sequence[Sequence[float]], runner: Runner) -> list[list[dict[str, float]]]:
    """The figures of every point's replications; points that are the same are run once."""
    count = plan.preparation.scenario.replications
    distinct = list(dict.fromkeys(map(tuple, points)))
    tasks = [Task(preparation, number) for preparation in map(plan.at, distinct) for number in range(count)]
    figures = [{name: one.figures[name] for name in plan.asked.figures if name in one.figures} for one in runner.replications(tasks)]
    by_point = {point: figures[at * count : (at + 1) * count] for at, point in enumerate(distinct)}
    return [by_point[tuple(point)] for point in points]


def _sample(plan: SensitivityPlan, problem: dict[str, Any]) -> Floats:
    salib, seed = _salib(), plan.preparation.scenario.seed
    if plan.asked.sobol:
        return np.asarray(salib.sample.sobol.sample(problem, plan.asked.sobol, calc_second_order=False, seed=seed))
    return np.asarray(salib.sample.morris.sample(problem, plan.asked.trajectories, num_levels=LEVELS, seed=seed))


def _indices(plan: SensitivityPlan, problem: dict[str, Any], shares: Floats, values: Floats) -> list[dict[str, float]]:
    salib, seed = _salib(), plan.preparation.scenario.seed
    if values.std() == 0:  # nothing moves it: no variance to split
        return [{"strength": 0.0, "strength_half": 0.0, "company": 0.0} for _ in plan.inputs]
    if plan.asked.sobol:
        said = salib.analyze.sobol.analyze(problem, values, calc_second_order=False, seed=seed)
        rows = zip(said["ST"], said["ST_conf"], said["ST"] - said["S1"], strict=True)
    else:
        said = salib.analyze.morris.analyze(problem, shares, values, num_levels=LEVELS, seed=seed)
        rows = zip(said["mu_star"], said["mu_star_conf"], said["sigma"], strict=True)
    return [{"strength": float(one), "strength_half": float(half), "company": float(company)} for one, half, company in rows]


def read_sensitivity(folder: Path) -> Sensitivity:
    """A sensitivity folder's results; InputError where there are none."""
    try:
        return Sensitivity.model_validate_json((folder / SENSITIVITY).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError.of(f"is not the folder of a sensitivity study ({error.strerror}: {SENSITIVITY})", where=str(folder)) from None
    except (ValidationError, UnicodeDecodeError):
        raise InputError.of("is not a sensitivity study that this version reads; run it again", where=str(folder / SENSITIVITY)) from None
