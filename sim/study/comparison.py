"""Plans side by side: the scenario as each of its plans overrides it, run on the same demand, and their differences job for job.

Plans of one seed share their streams (common random numbers), so a difference between two of them is taken replication by replication, as
far as both have them, and its interval is far narrower than those of the plans themselves. Plans of other seeds are compared too, unpaired,
and say so.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sim.results.difference import Difference, difference
from sim.results.run_folder import STUDY, read_summary
from sim.results.summary import Summary
from sim.scenario.document import Document, named
from sim.scenario.errors import InputError, Problem
from sim.scenario.keys import SPAN
from sim.scenario.loading import validate
from sim.scenario.units import format_duration
from sim.study.preparation import Preparation, prepare
from sim.study.run import Run, finished_runs, run_name
from sim.study.runner import Runner
from sim.study.verdict import verdict

COMPARED = ("wait.mean", "wait.p50", "wait.p95", "cost.usd", "cost.usd_per_useful_gpu_hour", "goodput", "utilisation")


class Comparison(BaseModel):
    """Summaries by plan, and of every plan but the first its difference from that one, by figure, and the verdict in a sentence.

    Written as ``study.json``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    scenario: str
    question: str
    plans: dict[str, Summary]
    differences: dict[str, dict[str, Difference]]
    verdicts: dict[str, str]

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
        return study_name([run.preparation for run in self.runs.values()])

    def write(self, folder: Path) -> None:
        """Fill a folder: one run folder a plan under ``plans/``, and the comparison."""
        for plan, run in self.runs.items():
            run.write(folder / "plans" / plan)
        (folder / STUDY).write_text(self.comparison.model_dump_json(indent=1) + "\n", encoding="utf-8")


def study_name(preparations: Sequence[Preparation]) -> str:
    """``<scenario>-<short hash>`` of a comparison: the same for the same plans."""
    names = "\n".join(run_name(one) for one in preparations)
    scenarios = list(dict.fromkeys(one.scenario.name for one in preparations))
    return f"{_joined(scenarios)}-{hashlib.sha256(names.encode()).hexdigest()[:8]}"


def plan_documents(document: Document) -> dict[str, Document]:
    """The plans a scenario's ``study.compare`` names, each as a document of its own; none where it compares nothing."""
    plans: dict[str, dict[str, Any]] = validate(document).study.compare
    alone = document.override("study", None)
    documents = {}
    for plan, overrides in plans.items():
        documents[plan] = alone
        for key, value in overrides.items():
            documents[plan] = documents[plan].override(key, value, place=document.place(("study", "compare", plan, key)))
    return named(documents)


def scenario_documents(documents: Sequence[Document]) -> dict[str, Document]:
    """Scenarios as the plans of one comparison, each as it is written, under its own name; of a single one, the plans it compares itself.

    InputError where there would be nothing to compare.
    """
    if len(documents) == 1:
        plans = plan_documents(documents[0])
        if len(plans) < 2:
            found = "one plan" if plans else "no plans"
            raise InputError.of(
                f"names {found}; name a second scenario to compare it with, or write two plans or more, as in "
                "'study: {compare: {as it is: {}, one more node: {providers.cloud.pools.h100.nodes: 3}}}'",
                where=documents[0].place(("study", "compare")),
                key="study.compare",
            )
        return plans
    names = [validate(document).name for document in documents]
    counts, seen = Counter(names), Counter[str]()
    plans = {}
    for name, document in zip(names, documents, strict=True):
        seen[name] += 1
        unique = name if counts[name] == 1 else f"{name} {seen[name]}"
        plans[unique] = document.override("study", None)
    return named(plans)


def refuse_unlike(documents: Mapping[str, Document]) -> None:
    """InputError where plans measure different spans of time, whose waits and costs say nothing about each other."""
    scenarios = {plan: validate(document) for plan, document in documents.items()}
    base, first = next(iter(scenarios.items()))
    problems = []
    for plan, scenario in scenarios.items():
        for key in SPAN:
            ours, theirs = getattr(scenario, key), getattr(first, key)
            if ours != theirs and ours is not None and theirs is not None:
                message = f"found {format_duration(ours)} in {plan!r} and {format_duration(theirs)} in {base!r}, so that they measure "
                message += f"different spans; give all the same, as in --set {key}='{format_duration(theirs)}'"
                problems.append(Problem(message, documents[plan].place((key,)), key))
    if problems:
        raise InputError(problems)


def run_plans(documents: Mapping[str, Document], runner: Runner | None = None) -> Study:
    """Run every plan; InputError, before the first runs, where one cannot be."""
    refuse_unlike(documents)
    runs = dict(finished_runs({plan: prepare(document) for plan, document in documents.items()}, runner))
    return Study(compare({plan: run.summary for plan, run in runs.items()}), runs)


def compare(summaries: Mapping[str, Summary]) -> Comparison:
    """Finished plans compared with the first of them; paired with it where they share its seed."""
    base, first = next(iter(summaries.items()))
    figures = [*COMPARED, *(f"workload.{name}.wait.p95" for name in first.wait_curves)]
    differences = {}
    for plan, summary in list(summaries.items())[1:]:
        pairs = first.intervals.pairs
        paired = (summary.seed, summary.intervals.pairs) == (first.seed, pairs)
        differences[plan] = {
            name: difference(summary.figure(name), first.figure(name), paired=paired, antithetic=pairs) for name in figures
        }
    scenarios = list(dict.fromkeys(summary.scenario for summary in summaries.values()))
    return Comparison(
        scenario=_joined(scenarios),
        question=first.question if len(scenarios) == 1 else f"What changes from {base} to {' or '.join(list(summaries)[1:])}?",
        plans=dict(summaries),
        differences=differences,
        verdicts={plan: verdict(plan, base, found) for plan, found in differences.items()},
    )


def compare_folders(folders: Sequence[Path]) -> Comparison:
    """Finished run folders compared with the first of them, by name; InputError where one is none, or they measure different spans."""
    summaries = {folder.name: read_summary(folder) for folder in folders}
    spans = {name: f"{format_duration(one.horizon_s)} from {format_duration(one.warmup_s)} on" for name, one in summaries.items()}
    if len(set(spans.values())) > 1:
        found = ", ".join(f"{span} in {name}" for name, span in spans.items())
        raise InputError.of(f"found {found}; waits and costs of different spans of time say nothing about each other")
    return compare(summaries)


def _joined(scenarios: Sequence[str]) -> str:
    first, *others = scenarios
    return first if not others else f"{first}-and-{others[0] if len(others) == 1 else f'{len(others)}-others'}"


def read_comparison(folder: Path) -> Comparison:
    """A study folder's comparison; InputError where there is none."""
    try:
        return Comparison.model_validate_json((folder / STUDY).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError.of(f"is not a study folder ({error.strerror}: {STUDY})", where=str(folder)) from None
    except (ValidationError, UnicodeDecodeError):
        raise InputError.of("is not a comparison that this version reads; run the scenario again", where=str(folder / STUDY)) from None
