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
from sim.results.run_folder import write_run
from sim.results.summary import Basis, Summary, WaitCurve, join_figures, verdicts
from sim.results.warmup import check_warmup
from sim.scenario.document import Document
from sim.scenario.loading import resolved_yaml
from sim.scenario.workloads import TraceWorkload
from sim.study.preparation import Preparation, prepare
from sim.study.replication import QUANTILES, Replication
from sim.study.runner import Runner, Task


@dataclass(frozen=True)
class Run:
    """A finished plan: its summary and the tables of the run folder."""

    preparation: Preparation
    summary: Summary
    tables: dict[str, pd.DataFrame]

    @property
    def folder_name(self) -> str:
        """``<scenario>-<short hash>``: the same for the same scenario, seed, calibrations and version."""
        return f"{self.summary.scenario}-{_hash(self.preparation)[:8]}"

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
    tasks = [Task(one, number) for one in preparations.values() for number in range(one.scenario.replications)]
    replications = runner.replications(tasks)
    for plan, preparation in preparations.items():
        done = list(islice(replications, preparation.scenario.replications))
        yield plan, Run(preparation, _summary(preparation, plan, done), _tables(done))


def _summary(preparation: Preparation, plan: str, done: list[Replication]) -> Summary:
    scenario = preparation.scenario
    figures = join_figures([replication.figures for replication in done])
    first = done[0]
    curves = {
        name: WaitCurve(
            quantiles=tuple(QUANTILES.tolist()),
            wait_s=tuple(np.mean([one.wait_quantiles[name] for one in done if name in one.wait_quantiles], axis=0).tolist()),
        )
        for name in first.wait_quantiles
    }
    return Summary(
        leadtime_version=sim.__version__,
        scenario=scenario.name,
        plan=plan,
        question=preparation.document.question,
        seed=scenario.seed,
        replications=len(done),
        horizon_s=first.horizon_s,
        warmup_s=scenario.warmup,
        scenario_sha256=preparation.document.digest(),
        bases=tuple(_bases(preparation)),
        figures=figures,
        verdicts=verdicts(scenario, figures),
        wait_curves=curves,
        warmup_checks=check_warmup(scenario, pd.concat([one.timeline for one in done], ignore_index=True), first.horizon_s),
        unusable=dict(first.unusable),
        notes=first.notes,
    )


def _bases(preparation: Preparation) -> Iterable[Basis]:
    drawn = [work for work in preparation.scenario.workloads.values() if not isinstance(work, TraceWorkload)]
    for gpu, calibration in preparation.calibrations.items():
        used = {family for work in drawn for family in families(work, calibration)}
        validation = preparation.validations.get(gpu)
        yield Basis(
            gpu=gpu,
            device=calibration.device.name,
            source=calibration.source,
            completeness=calibration.completeness,
            date=calibration.date,
            sha256=hashlib.sha256(calibration.model_dump_json().encode()).hexdigest(),
            error_p95=max(calibration.fit(family).error_p95 for family in used),
            validated=validation.in_short if validation else None,
        )


def _hash(preparation: Preparation) -> str:
    parts = [sim.__version__, preparation.document.digest(), *(basis.sha256 for basis in _bases(preparation))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _tables(done: list[Replication]) -> dict[str, pd.DataFrame]:
    return {
        **done[0].history,
        "timeline": pd.concat([one.timeline for one in done], ignore_index=True),
        "billing": pd.concat([one.billing for one in done], ignore_index=True),
    }
