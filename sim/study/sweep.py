"""Many plans of one scenario, all on the same random demand: a table of their figures, and which of them are worth a look.

A plan's run folder is handed to `keep` as soon as the plan is through, so that hundreds of plans never lie in memory at once.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

import sim
from sim.results.commitments import BEYOND
from sim.results.run_folder import SWEEP
from sim.results.statistics import STATISTICS, Estimate
from sim.results.summary import Summary
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import validate
from sim.scenario.nearest import meant
from sim.study.pareto import front
from sim.study.preparation import prepare
from sim.study.run import Run, finished_runs
from sim.study.runner import Runner
from sim.study.space import Point, Space, grid, latin_hypercube, named, plans

COST, WAIT = "cost.usd", "wait.p95"
HEADLINES = ("wait.mean", "wait.p95", "cost.usd", "cost.usd_per_useful_gpu_hour", "goodput", "utilisation")
TABLE = "sweep"
"""``sweep.parquet`` and ``sweep.csv``."""


class SweptPlan(BaseModel):
    """One plan: the values it took, its headline figures, how its targets came out, and whether it is on the front."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: dict[str, Any]
    figures: dict[str, Estimate]
    outcomes: tuple[Literal["met", "missed", "unsure"], ...]
    front: bool


class Sweep(BaseModel):
    """Every plan of a sweep, in order. Written as ``sweep.json``; `first` is the first plan's summary, for what all plans share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    scenario: str
    question: str
    target: str
    keys: tuple[str, ...]
    plans: dict[str, SweptPlan]
    first: Summary

    @property
    def front(self) -> list[str]:
        """The plans on the front, the cheapest first."""
        marked = [(one.figures[COST].mean or 0.0, plan) for plan, one in self.plans.items() if one.front]
        return [plan for _, plan in sorted(marked)]

    @property
    def limit_s(self) -> float | None:
        """What a target allows the wait to keep low; None where there is no such target, or plans differ in their targets."""
        limits = {verdict.figure: verdict.limit_s for verdict in self.first.verdicts}
        return None if any(".target" in key for key in self.keys) else limits.get(self.target)

    def cheapest(self, plans: Iterable[str]) -> str:
        """Of these plans the cheapest that meets every target, or the cheapest of all where none does."""

        def rank(plan: str) -> tuple[bool, float]:
            cost = self.plans[plan].figures[COST].mean
            return set(self.plans[plan].outcomes) - {"met"} != set(), math.inf if cost is None else cost

        return min(plans, key=rank)


@dataclass(frozen=True)
class SweepPlans:
    """A sweep ready to run: its plans as documents, each valid."""

    document: Document
    target: str
    points: dict[str, Point]
    documents: dict[str, Document]

    @cached_property
    def folder_name(self) -> str:
        """``<scenario>-<short hash>``: the same for the same plans, target, calibrations and version."""
        first = prepare(next(iter(self.documents.values())))
        parts = [sim.__version__, self.target, *(document.digest() for document in self.documents.values())]
        parts += [calibration.model_dump_json() for calibration in first.calibrations.values()]
        return f"{first.scenario.name}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:8]}"


def prepare_sweep(document: Document, target: str = WAIT) -> SweepPlans:
    """The plans of a scenario's ``study.sweep``; InputError, before anything runs, for whatever in them cannot be."""
    scenario = validate(document)
    sweep, place = scenario.study.sweep, document.place(("study", "sweep"))
    if sweep is None:
        raise InputError.of(
            "varies no key; write --set KEY=V1,V2,… or, in the scenario, 'study: {sweep: {providers.cloud.pools.h100.nodes: [0, 16, 32]}}'",
            where=document.file,
            key="study.sweep",
        )
    _refuse_target(target, list(scenario.workloads))
    points = grid(sweep.over, place) if sweep.points is None else latin_hypercube(sweep.over, sweep.points, scenario.seed)
    by_name = named(points)
    documents = plans(Space(document, sweep.over, ("study", "sweep")), by_name)
    return SweepPlans(document, target, by_name, documents)


def _refuse_target(target: str, workloads: list[str]) -> None:
    ends = [f"{what}.{statistic}" for what in ("wait", "jct", "slowdown") for statistic in STATISTICS]
    known = [*ends, *(f"workload.{name}.{end}" for name in workloads for end in ends)]
    if target not in known:
        message = meant(target, known) or f"one like {WAIT} or {known[len(ends)]} would do"
        raise InputError.of(f"found {target!r}, which is no figure to keep low beside the cost; {message}", where="--target")


def run_sweep(
    sweep: SweepPlans, runner: Runner | None = None, *, keep: Callable[[str, Run], None] | None = None
) -> tuple[Sweep, pd.DataFrame]:
    """Run every plan; returns what `Sweep` says and the table of all figures, a row a plan."""
    summaries: dict[str, Summary] = {}
    for plan, run in finished_runs({plan: prepare(document) for plan, document in sweep.documents.items()}, runner):
        summaries[plan] = run.summary
        if keep is not None:
            keep(plan, run)
    return swept(sweep, summaries), table(sweep.points, summaries, _marks(summaries, sweep.target))


def _marks(summaries: Mapping[str, Summary], target: str) -> dict[str, bool]:
    costs, waits = ([summary.figure(name).mean for summary in summaries.values()] for name in (COST, target))
    return dict(zip(summaries, front(costs, waits), strict=True))


def swept(sweep: SweepPlans, summaries: Mapping[str, Summary]) -> Sweep:
    """What the finished plans say."""
    marks = _marks(summaries, sweep.target)
    first = next(iter(summaries.values()))
    shown = [*HEADLINES, BEYOND, *(f"workload.{name}.wait.p95" for name in first.wait_curves), sweep.target]
    keys = next(iter(sweep.points.values()))
    return Sweep(
        scenario=first.scenario,
        question=first.question,
        target=sweep.target,
        keys=tuple(keys),
        plans={
            plan: SweptPlan(
                values=sweep.points[plan],
                figures={name: summary.figure(name).model_copy(update={"values": ()}) for name in dict.fromkeys(shown)},
                outcomes=tuple(verdict.outcome for verdict in summary.verdicts),
                front=marks[plan],
            )
            for plan, summary in summaries.items()
        },
        first=first,
    )


def table(points: Mapping[str, Point], summaries: Mapping[str, Summary], marks: Mapping[str, bool]) -> pd.DataFrame:
    """A row a plan: its values under their keys, then every figure's mean, ``.low`` and ``.high`` (95 % interval), headlines first."""
    rows = []
    for plan, summary in summaries.items():
        outcomes = [verdict.outcome for verdict in summary.verdicts]
        worst = next((word for word in ("missed", "unsure", "met") if word in outcomes), "none")
        row: dict[str, Any] = {"plan": plan, **{key: _cell(value) for key, value in points[plan].items()}, "front": marks[plan]}
        row["targets"] = worst
        for name in (*HEADLINES, *(name for name in summary.figures if name not in HEADLINES)):
            figure = summary.figure(name)
            row |= {name: figure.mean, f"{name}.low": figure.low, f"{name}.high": figure.high}
        rows.append(row)
    frame = pd.DataFrame(rows)
    for key in next(iter(points.values())):
        if frame[key].map(type).nunique() > 1:  # a column of one type, as Parquet needs
            frame[key] = frame[key].map(lambda value: "none" if value is None else str(value))
    return frame


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def read_sweep(folder: Path) -> Sweep:
    """A sweep folder's results; InputError where there are none."""
    try:
        return Sweep.model_validate_json((folder / SWEEP).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError.of(f"is not the folder of a sweep ({error.strerror}: {SWEEP})", where=str(folder)) from None
    except (ValidationError, UnicodeDecodeError):
        raise InputError.of("is not a sweep that this version reads; run the scenario again", where=str(folder / SWEEP)) from None
