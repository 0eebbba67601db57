"""Large spaces: Optuna's tree-structured Parzen estimator proposes plans, with the targets as constraints (Bergstra et al., 2011).

Where it proposes a plan that is known or hopeless, that is told to it at no cost, and a plan beside it that is worth simulating is taken
instead. (Asked again and again until it proposes a new one, it took a quarter of a study's time, and saw little but repetitions.)
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.scenario.errors import InputError
from sim.study.search import Place, Search, cheapest_beside

if TYPE_CHECKING:
    import optuna

CONSTRAINT = "over the limit"
UNWORTHY_IN_A_ROW = 20
"""Proposals that need no simulation, nor any plan beside them, one after another, after which the space is taken to be searched."""


def sampler(search: Search, seed: int) -> Callable[[], Place | None]:
    """A function that gives the next place to simulate, None where none comes up; InputError where Optuna is not installed."""
    try:
        import optuna
    except ImportError:
        raise InputError.of(
            f"has {search.size:,} plans, too many to try each, and optuna, which searches such spaces, is not installed; "
            "pip install 'leadtime[optimise]', or give fewer values",
            key="study.optimise.over",
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    distributions: dict[str, Any] = {
        str(axis): optuna.distributions.IntDistribution(0, size - 1)
        if ordered
        else optuna.distributions.CategoricalDistribution(list(range(size)))
        for axis, (size, ordered) in enumerate(zip(search.sizes, search.ordered, strict=True))
    }
    waiting: list[tuple[Place, optuna.Trial]] = []

    def tell(place: Place, trial: "optuna.Trial") -> None:
        known = search.found.get(place)
        least = None if known else search.bound(place)
        if known:
            cost, over = known.cost_usd, known.ratio - 1
        elif least is None or place in search.refused:
            cost, over = 0.0, 1e3
        else:
            cost, over = (
                least.cost_usd,
                max((least.waits[figure] / limit for figure, limit in search.limits.items() if limit), default=0.0) - 1,
            )
            over = max(over, 1.0) if search.hopeless(place) else 0.0
        trial.set_constraint(CONSTRAINT, over)
        study.tell(trial, cost)

    def take(place: Place, trial: "optuna.Trial") -> Place:
        waiting.append((place, trial))
        return place

    def propose() -> Place | None:
        while waiting:
            tell(*waiting.pop())
        for _ in range(UNWORTHY_IN_A_ROW):
            trial = study.ask(distributions)
            place = tuple(int(trial.params[str(axis)]) for axis in range(len(search.sizes)))
            if search.worth_trying(place, search.ceiling):
                return take(place, trial)
            tell(place, trial)
            beside = cheapest_beside(search, place)
            if beside is not None:
                study.enqueue_trial({str(axis): value for axis, value in enumerate(beside)})
                return take(beside, study.ask(distributions))
        return None

    return propose
