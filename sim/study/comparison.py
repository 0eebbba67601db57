"""Plans side by side: the scenario as each of its plans overrides it, run on the same demand, and their differences job for job.

All plans share seed and streams (common random numbers), so a difference between two of them is taken replication by replication and its
interval is far narrower than those of the plans themselves.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sim.results.run_folder import STUDY
from sim.results.statistics import Estimate, paired_difference
from sim.results.summary import Summary
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import validate
from sim.study.preparation import prepare
from sim.study.run import Run, run_plan

COMPARED = ("wait.mean", "wait.p50", "wait.p95", "cost.usd", "cost.usd_per_useful_gpu_hour", "goodput", "utilisation")


class Comparison(BaseModel):
    """Summaries by plan, and every plan's difference from the first by figure. Written as ``study.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    scenario: str
    question: str
    plans: dict[str, Summary]
    differences: dict[str, dict[str, Estimate]]

    @property
    def base(self) -> str:
        return next(iter(self.plans))


@dataclass(frozen=True)
class Study:
    """Finished plans and their comparison."""

    comparison: Comparison
    runs: dict[str, Run]

    @property
    def folder_name(self) -> str:
        names = "\n".join(run.folder_name for run in self.runs.values())
        return f"{self.comparison.scenario}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"

    def write(self, folder: Path) -> None:
        """Fill a folder: one run folder a plan under ``plans/``, and the comparison."""
        for plan, run in self.runs.items():
            run.write(folder / "plans" / plan)
        (folder / STUDY).write_text(self.comparison.model_dump_json(indent=1) + "\n", encoding="utf-8")


def plan_documents(document: Document) -> dict[str, Document]:
    """The plans a scenario's ``study.compare`` names, each as a document of its own; none where it compares nothing."""
    plans: dict[str, dict[str, Any]] = validate(document).study.compare
    alone = document.override("study", None) if "study" in document.data else document
    documents = {}
    for plan, overrides in plans.items():
        documents[plan] = alone
        for key, value in overrides.items():
            documents[plan] = documents[plan].override(key, value, place=document.place(("study", "compare", plan, key)))
    return documents


def run_plans(
    documents: Mapping[str, Document], *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Study:
    """Run every plan; InputError, before the first runs, where one cannot be."""
    total = sum(prepare(document).scenario.replications for document in documents.values())
    runs: dict[str, Run] = {}
    before = 0
    for plan, document in documents.items():
        done_before = before

        def step(done: int, _: int, done_before: int = done_before) -> None:
            if progress is not None:
                progress(done_before + done, total)

        runs[plan] = run_plan(document, plan=plan, workers=workers, progress=step)
        before += runs[plan].summary.replications
    return Study(compare({plan: run.summary for plan, run in runs.items()}), runs)


def compare(summaries: Mapping[str, Summary]) -> Comparison:
    """Summaries of the same scenario under different plans, compared with the first."""
    first = next(iter(summaries.values()))
    figures = [*COMPARED, *(f"workload.{name}.wait.p95" for name in first.wait_curves)]
    differences = {
        plan: {name: paired_difference(summary.figure(name), first.figure(name)) for name in figures}
        for plan, summary in list(summaries.items())[1:]
        if summary.replications == first.replications
    }
    return Comparison(scenario=first.scenario, question=first.question, plans=dict(summaries), differences=differences)


def read_comparison(folder: Path) -> Comparison:
    """A study folder's comparison; InputError where there is none."""
    try:
        return Comparison.model_validate_json((folder / STUDY).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError.of(f"is not a study folder ({error.strerror}: {STUDY})", where=str(folder)) from None
    except (ValidationError, UnicodeDecodeError):
        raise InputError.of("is not a comparison that this version reads; run the scenario again", where=str(folder / STUDY)) from None
