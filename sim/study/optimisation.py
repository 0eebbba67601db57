"""The answer of an optimisation with its reasons: what was chosen, and of every other plan why it was not."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from sim.results.commitments import BEYOND
from sim.results.run_folder import OPTIMISATION, SCENARIO
from sim.results.statistics import Estimate
from sim.results.summary import Summary
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import resolved_yaml
from sim.scenario.units import format_duration
from sim.study.bounds import Least
from sim.study.search import Place, Search
from sim.study.space import Point, said, short_names

Outcome = Literal["chosen", "nearest", "meets", "unconfirmed", "misses", "hopeless", "too dear", "cannot run", "not tried"]
TABLE = "plans"
"""``plans.parquet`` and ``plans.csv``."""


class ConsideredPlan(BaseModel):
    """One plan: its values, what became of it and why; cost and target figures where it was simulated, else the least it could cost."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    values: dict[str, Any]
    outcome: Outcome
    reason: str
    cost: Estimate | None = None
    least_cost_usd: float | None = None
    figures: dict[str, Estimate]


class Optimisation(BaseModel):
    """The answer, written as ``optimisation.json``.

    `chosen` is None where no plan is confirmed to meet the targets. `final` is the confirmation of the plan chosen, or the summary of the
    nearest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    scenario: str
    question: str
    keys: tuple[str, ...]
    limits: dict[str, float]
    how: str
    answer: str
    why: tuple[str, ...]
    chosen: str | None
    nearest: str | None
    simulated: int
    plans: dict[str, ConsideredPlan]
    final: Summary

    def write(self, folder: Path, document: Document) -> None:
        """The answer, its scenario and the table of plans."""
        table = self.table()
        table.to_parquet(folder / f"{TABLE}.parquet", index=False)
        table.to_csv(folder / f"{TABLE}.csv", index=False)
        (folder / SCENARIO).write_text(resolved_yaml(document), encoding="utf-8")
        (folder / OPTIMISATION).write_text(json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n", encoding="utf-8")

    def table(self) -> pd.DataFrame:
        """A row a plan."""
        rows = []
        for plan, one in self.plans.items():
            row: dict[str, Any] = {"plan": plan, **{key: said(value) for key, value in one.values.items()}}
            row |= {"outcome": one.outcome, "reason": one.reason, "least_cost.usd": one.least_cost_usd}
            for name, figure in {"cost.usd": one.cost, **{name: one.figures.get(name) for name in self.limits}}.items():
                row |= {name: figure and figure.mean, f"{name}.low": figure and figure.low, f"{name}.high": figure and figure.high}
            rows.append(row)
        return pd.DataFrame(rows)


def explain(
    search: Search,
    told: Mapping[str, tuple[Place, Point]],
    summaries: Mapping[Place, Summary],
    upper: Mapping[Place, Mapping[str, float]],
    errors: Mapping[Place, str],
    *,
    bound: Callable[[Place], Least | None],
    how: str,
    chosen: Place | None,
    final: Summary,
    question: str,
) -> Optimisation:
    """The answer in words, and a reason for every plan in `told` (name → place and values)."""
    names = {place: name for name, (place, _) in told.items()}
    keys = list(next(iter(told.values()))[1])
    nearest = None if chosen is not None else search.nearest
    ceiling = None if chosen is None else search.found[chosen].cost_usd
    plans = {}
    for name, (place, point) in told.items():
        least = bound(place) if place not in search.refused else None
        outcome, reason = _reason(search, place, least, summaries, upper, errors, chosen, nearest, ceiling)
        summary = summaries.get(place)
        plans[name] = ConsideredPlan(
            values=point,
            outcome=outcome,
            reason=reason,
            cost=_bare(summary.figure("cost.usd")) if summary else None,
            least_cost_usd=least.cost_usd if least else None,
            figures={figure: _bare(summary.figure(figure)) for figure in search.limits} if summary else {},
        )
    sought = chosen if chosen is not None else nearest
    assert sought is not None
    shown = f"{names[sought]} ({_values(told[names[sought]][1])})"
    return Optimisation(
        scenario=final.scenario,
        question=question,
        keys=tuple(keys),
        limits=search.limits,
        how=how,
        answer=_answer(search, shown, chosen, final, sought in search.unconfirmed),
        why=tuple(_why(search, sought, chosen, summaries, upper, told, names, plans, final)),
        chosen=names[chosen] if chosen is not None else None,
        nearest=names[nearest] if nearest is not None else None,
        simulated=len(summaries),
        plans=plans,
        final=final,
    )


def _bare(figure: Estimate) -> Estimate:
    return figure.model_copy(update={"values": ()})


def _reason(
    search: Search,
    place: Place,
    least: Least | None,
    summaries: Mapping[Place, Summary],
    upper: Mapping[Place, Mapping[str, float]],
    errors: Mapping[Place, str],
    chosen: Place | None,
    nearest: Place | None,
    ceiling: float | None,
) -> tuple[Outcome, str]:
    if place == chosen:
        return "chosen", "the cheapest plan that is confirmed to meet every target"
    if place in search.unconfirmed:
        figure, bound = max(upper[place].items(), key=lambda item: item[1] / search.limits[item[0]] if search.limits[item[0]] else item[1])
        allowed = format_duration(search.limits[figure])
        return "unconfirmed", f"on fresh demand {wait_name(figure)} may be {format_duration(bound)}, {allowed} allowed"
    if place in summaries:
        if search.found[place].meets:
            more = search.found[place].cost_usd - (ceiling or 0.0)
            return "meets", f"meets every target, and costs {money(more)} more than the plan chosen" if ceiling is not None else "meets"
        return ("nearest" if place == nearest else "misses"), _missed(search, summaries[place])
    if least is None:
        return "cannot run", errors.get(place, "cannot be run")
    figure = search.why_hopeless(least)
    if figure == "together":
        return "hopeless", "bound to miss a target: more work than its GPUs can do in time"
    if figure:
        shortest, limit = format_duration(least.waits[figure]), format_duration(search.limits[figure])
        return "hopeless", f"bound to miss: {wait_name(figure)} is at least {shortest}, whatever the policy; {limit} allowed"
    if ceiling is not None and least.cost_usd >= ceiling:
        return "too dear", f"costs {money(least.cost_usd)} at least, more than the plan chosen"
    return "not tried", "not simulated: what was tried decided"


def _missed(search: Search, summary: Summary) -> str:
    over = {}
    for figure, limit in search.limits.items():
        wait = summary.figure(figure).mean
        if wait is None or wait > limit:
            allowed, found = format_duration(limit), format_duration(wait) if wait is not None else "not measured"
            over[figure] = f"{wait_name(figure)} is {f'just over {found}' if found == allowed else found}, {allowed} allowed"
    return "; ".join(over.values())


def _answer(search: Search, shown: str, chosen: Place | None, final: Summary, unconfirmed: bool) -> str:
    cost = final.figure("cost.usd")
    spread = f" ({money(cost.low)} – {money(cost.high)})" if cost.low is not None and cost.high is not None else ""
    if chosen is not None:
        beyond = final.figure(BEYOND).mean
        after = f", and commits {money(beyond)} to the time after that" if beyond else ""
        return f"Take {shown}: it meets every target for {money(cost.mean or 0.0)}{spread} over {format_duration(final.horizon_s)}{after}."
    if unconfirmed:
        return f"No plan in this range is confirmed to meet the targets; the nearest is {shown}: it does on the demand searched."
    return f"No plan in this range meets the targets; the nearest is {shown}: {_missed(search, final)}."


def _why(
    search: Search,
    sought: Place,
    chosen: Place | None,
    summaries: Mapping[Place, Summary],
    upper: Mapping[Place, Mapping[str, float]],
    told: Mapping[str, tuple[Place, Point]],
    names: Mapping[Place, str],
    plans: Mapping[str, ConsideredPlan],
    final: Summary,
) -> list[str]:
    lines = []
    if chosen is not None:
        for figure, bound in upper[chosen].items():
            limit = format_duration(search.limits[figure])
            kept, of = final.figure(figure).within(search.limits[figure])
            lines.append(
                f"Confirmed by {final.replications} fresh replications: on average {wait_name(figure)} is at most {format_duration(bound)} "
                f"with 95 % confidence, and {limit} allowed; {kept} of {of} replications kept to that."
            )
        cheaper = [place for place in summaries if search.found[place].cost_usd < search.found[chosen].cost_usd]
        if cheaper:
            next_one = max(cheaper, key=lambda place: (search.found[place].cost_usd, place))
            saved = money(search.found[chosen].cost_usd - search.found[next_one].cost_usd)
            name = names[next_one]
            lines.append(f"The next cheaper plan tried, {name} ({_values(told[name][1])}), saves {saved}, but {plans[name].reason}.")
    axes = zip(short_names(told[names[sought]][1]).values(), sought, search.sizes, search.ordered, strict=True)
    edges = [name for name, index, size, rising in axes if rising and size > 2 and index in (0, size - 1)]
    if edges:
        lines.append(f"At the end of its range: {', '.join(edges)}. A wider range may hold a better plan.")
    counts = Counter(one.outcome for one in plans.values())
    parts = [f"{len(summaries)} simulated"]
    parts += [f"{counts[word]} {says}" for word, says in SAYS.items() if counts[word]]  # type: ignore[index]
    unseen = search.size - len(plans)
    parts += [f"{unseen:,} never looked at"] if unseen else []
    lines.append(f"Of {search.size:,} plans: {', '.join(parts)}.")
    return lines


SAYS = {
    "hopeless": "ruled out by a bound",
    "too dear": "bound to cost more",
    "not tried": "not tried",
    "cannot run": "that cannot be run",
}


def _values(point: Point) -> str:
    names = short_names(point)
    return ", ".join(f"{names[key]} = {said(value)}" for key, value in point.items())


def wait_name(figure: str) -> str:
    """``the p95 wait of merges``."""
    _, workload, _, statistic = figure.split(".")
    return f"the {'longest' if statistic == 'max' else statistic} wait of {workload}"


def money(usd: float) -> str:
    return f"${usd:,.2f}" if abs(usd) < 100 else f"${usd:,.0f}"


def read_optimisation(folder: Path) -> Optimisation:
    """An optimisation's folder; InputError where it is none."""
    try:
        return Optimisation.model_validate_json((folder / OPTIMISATION).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError.of(f"is not the folder of an optimisation ({error.strerror}: {OPTIMISATION})", where=str(folder)) from None
    except (ValidationError, UnicodeDecodeError):
        raise InputError.of("is not an optimisation that this version reads; run it again", where=str(folder / OPTIMISATION)) from None
