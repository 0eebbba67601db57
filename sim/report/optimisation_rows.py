"""An optimisation as tables of text: the targets of the plan named, and every plan considered with the reason why not."""

from sim.report.rows import Rows, numeric
from sim.report.words import title, value, with_interval
from sim.study.optimisation import ConsideredPlan, Optimisation
from sim.study.space import said, short_names

MOST_ROWS = 40
"""Plans that a page prints; the table on disk has all of them."""
FEW_ROWS = 15
"""Plans that a terminal prints."""
ORDER = ("chosen", "nearest", "unconfirmed", "misses", "meets", "cannot run", "too dear", "hopeless", "not tried")


def considered_rows(found: Optimisation, most: int = MOST_ROWS) -> Rows:
    """Plans by what became of them: those simulated by cost, the nearest to the answer first; then those left out."""
    names = short_names(found.keys)

    def rank(item: tuple[str, ConsideredPlan]) -> tuple[int, float]:
        _, one = item
        cost = one.cost.mean if one.cost and one.cost.mean is not None else one.least_cost_usd or 0.0
        return ORDER.index(one.outcome), -cost if one.outcome in ("misses", "hopeless") else cost

    plans = sorted(found.plans.items(), key=rank)
    cells = []
    for plan, one in plans[:most]:
        if one.cost is not None:
            cost = with_interval("cost.usd", one.cost)
        else:
            cost = f"{value('cost.usd', one.least_cost_usd)} or more" if one.least_cost_usd else "–"
        figures = (value(figure, one.figures[figure].mean) if figure in one.figures else "–" for figure in found.limits)
        cells.append((plan, *(said(one.values[key]) for key in found.keys), cost, *figures, one.outcome, one.reason))
    count = f", {most} of {len(plans)}; plans.csv has all" if len(plans) > most else ""
    tried = [one for _, one in plans[:most]]
    numbers = numeric({names[key]: tuple(one.values[key] for one in tried) for key in found.keys})
    numbers |= {"cost": tuple(one.cost.mean if one.cost else one.least_cost_usd for one in tried)}
    numbers |= {title(name): tuple(one.figures[name].mean if name in one.figures else None for one in tried) for name in found.limits}
    headings = ("plan", *(names[key] for key in found.keys), "cost", *map(title, found.limits), "outcome", "why")
    return Rows(f"Plans considered, on the demand of the search{count}", headings, tuple(cells), numbers)
