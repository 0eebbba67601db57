"""The cheapest plan that meets every target, and why it is that one.

The search judges plans by the scenario's own replications, all on the same random demand. Its winner has been picked for looking good on
that demand, so it is run again on fresh demand, and taken only when the one-sided 95 % bound of every target lies within its limit; else
the search goes on without it. So a plan that is named has passed twice, on independent samples.
"""

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import sim
from sim.results.statistics import CONFIDENCE, Estimate, pair_means, t_quantile
from sim.results.summary import Summary
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import validate
from sim.scenario.scenario import Scenario
from sim.scenario.study import Optimise
from sim.scenario.values import Choices
from sim.study.bounds import Bounds, Least, limits_of
from sim.study.monotone import monotone
from sim.study.optimisation import Optimisation, explain
from sim.study.preparation import prepare
from sim.study.run import Run, run_plan
from sim.study.runner import Runner
from sim.study.search import Found, Place, Search, bisect_next, enumerate_next, neighbour_next
from sim.study.space import Point, Space
from sim.study.tpe import sampler

MOST_BOUNDED = 1000
"""Plans for which a bound is worked out in advance; larger spaces are bounded plan by plan, as the search comes to them."""
MOST_UNCONFIRMED = 10


@dataclass(frozen=True)
class Problem:
    """An optimisation ready to run."""

    document: Document
    scenario: Scenario
    words: Optimise
    space: Space

    @property
    def keys(self) -> list[str]:
        return list(self.words.over)

    def point(self, place: Place) -> Point:
        axes = [values.values for values in self.words.over.values() if isinstance(values, Choices)]
        return {key: axis[index] for key, axis, index in zip(self.keys, axes, place, strict=True)}

    def plan(self, place: Place) -> Document:
        return self.space.plan(self.point(place))

    def name(self, place: Place) -> str:
        """``plan 07``: its number in the grid, the last key changing fastest."""
        number = 0
        for index, values in zip(place, self.words.over.values(), strict=True):
            assert isinstance(values, Choices)
            number = number * len(values.values) + index
        return f"plan {number + 1:0{len(str(self.space.size))}d}"


@dataclass(frozen=True)
class Optimised:
    """A finished optimisation: what it says, and the run of the plan it names (the nearest one's, where none meets the targets)."""

    problem: Problem
    optimisation: Optimisation
    run: Run

    @property
    def folder_name(self) -> str:
        """``<scenario>-<short hash>``: the same for the same scenario, words, calibrations and version."""
        parts = [sim.__version__, self.problem.document.digest(), self.run.folder_name]
        return f"{self.problem.scenario.name}-{hashlib.sha256(chr(10).join(parts).encode()).hexdigest()[:8]}"

    def write(self, folder: Path) -> None:
        """Fill a folder: the answer, the table of what was tried, and the run folder of the plan named."""
        self.run.write(folder / "plans" / self.run.summary.plan)
        self.optimisation.write(folder, self.problem.document)


def prepare_optimisation(document: Document) -> Problem:
    """A scenario's ``study.optimise``; InputError, before anything runs, where it asks nothing or a value is refused."""
    scenario = validate(document)
    words = scenario.study.optimise
    if words is None:
        raise InputError.of(
            "varies no key; write --set KEY=0..96 or, in the scenario, "
            "'study: {optimise: {over: {providers.cloud.pools.h100.nodes: 0..96}}}'",
            where=document.file,
            key="study.optimise",
        )
    if not limits_of(scenario):
        raise InputError.of(
            "has no target, and the cheapest plan that has to meet none is no plan; write one, as in 'target: {wait: {p95: 1 h}}'",
            where=document.place(("workloads",)),
            key="workloads",
        )
    wrong = _wrong_confirm(words.confirm, scenario)
    if wrong is not None:
        raise InputError.of(wrong, where=document.place(("study", "optimise", "confirm")), key="study.optimise.confirm")
    space = Space(document, words.over, ("study", "optimise", "over"))
    problem = Problem(document, scenario, words, space)
    _refuse_values(problem)
    return problem


def _wrong_confirm(confirm: int, scenario: Scenario) -> str | None:
    """Why the best plan could not be run again so many times, or None where it could."""
    until = scenario.until
    if until is not None and confirm > until.at_most:
        return f"found {confirm}, over the {until.at_most} replications that 'until' runs at most; lower it, or raise 'at-most'"
    if scenario.antithetic and confirm % 2:
        return f"found {confirm}; antithetic replications come in pairs: an even number, as in {confirm + 1}, would do"
    if scenario.antithetic and until is not None and confirm < 4:
        return f"found {confirm}; 'until' needs two pairs of antithetic replications to begin with: 4 or more would do"
    return None


def _refuse_values(problem: Problem) -> None:
    """InputError with each value that its key takes neither as the scenario is nor with any value of another key."""
    problems = []
    for key, values in problem.words.over.items():
        assert isinstance(values, Choices)
        for value in values.values:
            error = _refusal(problem, {key: value})
            others = [(one, other) for one, axis in problem.words.over.items() if one != key for other in getattr(axis, "values", ())]
            if error is not None and all(_refusal(problem, {key: value, one: other}) for one, other in others):
                problems += error.problems
    if problems:
        raise InputError(problems)


def _refusal(problem: Problem, point: Point) -> InputError | None:
    try:
        prepare(problem.space.plan(point))
    except InputError as error:
        return error
    return None


def optimise(problem: Problem, runner: Runner | None = None) -> Optimised:
    """Search, confirm, explain; the answer does not depend on the runner."""
    if runner is None:
        with Runner() as own:
            return optimise(problem, own)
    trials = _Trials(problem, runner)
    search = trials.search
    how, step = _way(problem, search)
    confirmation: Run | None = None
    while True:
        place = step()
        if place is not None:
            trials.try_plan(place)
            continue
        best = search.best
        if best is None or len(search.unconfirmed) >= MOST_UNCONFIRMED:
            break
        confirmation = trials.confirm(best)
        if all(bound <= limit for bound, limit in zip(trials.upper[best].values(), search.limits.values(), strict=True)):
            return _optimised(trials, how, best, confirmation)
        search.unconfirmed.add(best)
    return _optimised(trials, how, None, trials.fallback())


def _way(problem: Problem, search: Search) -> tuple[str, Callable[[], Place | None]]:
    """How the space is searched, in words, and the function that gives the next place."""
    if len(search.sizes) == 1 and monotone(problem.words, prepare(problem.plan((0,)))):
        return "bisected: cost rises and waits fall along the one size", lambda: bisect_next(search)
    candidates, bounded = search.size, search.size <= MOST_BOUNDED
    if bounded:
        candidates = sum(not search.hopeless(place) for place in search.places())
    if candidates <= problem.words.trials:
        return "enumerated in order of least possible cost", lambda: enumerate_next(search)
    propose = sampler(search, problem.scenario.seed)

    def step() -> Place | None:
        more = len(search.found) < problem.words.trials
        place = propose() if more else None
        if place is None:
            place = neighbour_next(search)
        return enumerate_next(search) if place is None and more and bounded else place

    return "searched (tree-structured Parzen estimator, then the neighbours of the best)", step


class _Trials:
    """Runs plans and keeps what they said."""

    def __init__(self, problem: Problem, runner: Runner) -> None:
        self.problem, self.runner = problem, runner
        self.bounds, self.known = Bounds(), dict[Place, Least | None]()
        self.errors: dict[Place, str] = {}
        self.summaries: dict[Place, Summary] = {}
        self.upper: dict[Place, dict[str, float]] = {}
        self.confirmed: dict[Place, Summary] = {}
        sizes = tuple(len(values.values) for values in problem.words.over.values() if isinstance(values, Choices))
        numeric = tuple(_rising(values) for values in problem.words.over.values() if isinstance(values, Choices))
        self.search = Search(sizes, numeric, limits_of(problem.scenario), self.bound)

    def bound(self, place: Place) -> Least | None:
        """The plan's bound, worked out once; None, with the reason kept, where the plan cannot be run."""
        if place not in self.known:
            try:
                self.known[place] = self.bounds.of(prepare(self.problem.plan(place)))
            except InputError as error:
                self.errors[place] = str(error.problems[0])
                self.known[place] = None
        return self.known[place]

    def try_plan(self, place: Place) -> None:
        """Simulate a plan on the search's demand."""
        began = time.perf_counter()
        try:
            summary = self._run(place, self.problem.plan(place)).summary
        except InputError as error:
            self.errors[place] = str(error.problems[0])
            self.search.refused.add(place)
            return
        self.summaries[place] = summary
        self.search.found[place] = Found(summary.figure("cost.usd").mean or 0.0, worst_ratio(summary, self.search.limits))
        left = min(self.problem.words.trials, self.search.size) - len(self.summaries)
        self.runner.expect((time.perf_counter() - began) * left)

    def _run(self, place: Place, document: Document) -> Run:
        return run_plan(document, plan=self.problem.name(place), runner=self.runner)

    def confirm(self, place: Place) -> Run:
        """Run a plan on fresh demand, and bound each target's figure from above."""
        words = self.problem.words
        fresh = self.problem.plan(place).override("seed", fresh_seed(self.problem.scenario.seed), place="confirmation")
        fresh = fresh.override("replications", words.confirm, place="confirmation")
        run = self._run(place, fresh)
        pairs = run.summary.intervals.pairs
        self.confirmed[place] = run.summary
        self.upper[place] = {figure: upper_bound(run.summary.figure(figure), pairs=pairs) for figure in self.search.limits}
        return run

    def fallback(self) -> Run:
        """The nearest plan's run, where none is to be named; where all were ruled out, that of the plan whose bounds are lowest."""
        if self.search.nearest is None:
            able = [place for place in self.search.places() if self.bound(place) is not None and place not in self.search.refused]
            for place in sorted(able, key=lambda place: (_least_ratio(self.bound(place), self.search.limits), place)):
                self.try_plan(place)
                if place in self.summaries:
                    break
            else:
                raise InputError.of(
                    f"no plan of this range can be run: {next(iter(self.errors.values()))}",
                    where=self.problem.document.file,
                    key="study.optimise",
                )
        nearest = self.search.nearest
        assert nearest is not None
        return self._run(nearest, self.problem.plan(nearest))


def _rising(values: Choices) -> bool:
    numbers = values.values
    return values.ordered or (
        all(isinstance(one, int) and not isinstance(one, bool) for one in numbers) and list(numbers) == sorted(numbers)
    )


def worst_ratio(summary: Summary, limits: Mapping[str, float]) -> float:
    """The largest ratio of a target's mean figure to its limit; infinity where nothing was measured or a limit of zero is missed."""
    return max(ratio(summary.figure(figure).mean, limit) for figure, limit in limits.items())


def ratio(wait_s: float | None, limit_s: float) -> float:
    if wait_s is None:
        return math.inf
    return wait_s / limit_s if limit_s else (0.0 if wait_s == 0 else math.inf)


def _least_ratio(least: Least | None, limits: Mapping[str, float]) -> float:
    assert least is not None
    return max(ratio(least.waits[figure], limit) for figure, limit in limits.items())


def upper_bound(figure: Estimate, *, pairs: bool = False) -> float:
    """The one-sided 95 % bound (Student's t) of a figure's mean over replications, or `pairs` of them, whose halves are not independent;
    infinity where fewer than two measured it."""
    measured = np.array([np.nan if value is None else value for value in figure.values])
    values = pair_means(measured) if pairs else measured[~np.isnan(measured)]
    if len(values) < 2:
        return math.inf
    return float(values.mean() + t_quantile(CONFIDENCE, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))


def fresh_seed(seed: int) -> int:
    """A seed whose streams share nothing with those of `seed`."""
    return int.from_bytes(hashlib.sha256(f"confirmation of {seed}".encode()).digest()[:4], "little")


def _optimised(trials: _Trials, how: str, chosen: Place | None, run: Run) -> Optimised:
    problem, search = trials.problem, trials.search
    places = search.places() if search.size <= MOST_BOUNDED else iter(sorted({*trials.known, *search.found}))
    told = {problem.name(place): (place, problem.point(place)) for place in places}
    optimisation = explain(
        search,
        told,
        trials.summaries,
        trials.upper,
        trials.errors,
        bound=trials.bound,
        how=how,
        chosen=chosen,
        final=run.summary,
        question=problem.document.question,
    )
    return Optimised(problem, optimisation, run)
