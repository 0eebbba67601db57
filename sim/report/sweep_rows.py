"""A sweep as tables of text: the front, and every plan as far as a page holds them."""

from sim.report.rows import Rows, numeric
from sim.report.words import title, with_interval
from sim.results.commitments import BEYOND
from sim.study.space import said, short_names
from sim.study.sweep import COST, Sweep

MOST_ROWS = 60
"""Plans that a page prints; the table on disk has all of them."""
MARK = "●"


def front_rows(sweep: Sweep) -> Rows:
    """The plans that none other beats in both cost and wait, the cheapest first."""
    return _rows(sweep, f"Front: cost against {title(sweep.target)}", sweep.front, marked=False)


def sweep_rows(sweep: Sweep) -> Rows:
    """Every plan in its order, the front marked; of very many, the front and the cheapest others."""
    plans = list(sweep.plans)
    if len(plans) <= MOST_ROWS:
        return _rows(sweep, f"Plans ({MARK} on the front)", plans, marked=True)
    others = sorted((plan for plan in plans if not sweep.plans[plan].front), key=lambda plan: sweep.plans[plan].figures[COST].mean or 0.0)
    shown = {*sweep.front, *others[: max(MOST_ROWS - len(sweep.front), 0)]}
    heading = f"Plans ({MARK} on the front): {len(shown)} of {len(plans)}, the others are dearer and beaten; sweep.csv has all"
    return _rows(sweep, heading, [plan for plan in plans if plan in shown], marked=True)


def _rows(sweep: Sweep, heading: str, plans: list[str], *, marked: bool) -> Rows:
    names = short_names(sweep.keys)
    owing = [BEYOND] if any(one.figures[BEYOND].mean for one in sweep.plans.values()) else []
    figures = list(dict.fromkeys([COST, *owing, sweep.target, "wait.mean", "cost.usd_per_useful_gpu_hour", "utilisation"]))
    cells = []
    for plan in plans:
        one = sweep.plans[plan]
        outcomes = [str(outcome) for outcome in one.outcomes]
        of = ", ".join(f"{outcomes.count(word)} {word}" for word in ("met", "unsure", "missed") if word in outcomes) or "–"
        mark = (MARK if one.front else "",) if marked else ()
        values = (said(one.values[key]) for key in sweep.keys)
        cells.append((plan, *mark, *values, *(with_interval(name, one.figures[name]) for name in figures), of))
    headings = ("plan", *(("",) if marked else ()), *(names[key] for key in sweep.keys), *map(title, figures), "targets")
    numbers = numeric({names[key]: tuple(sweep.plans[plan].values[key] for plan in plans) for key in sweep.keys})
    numbers |= {title(name): tuple(sweep.plans[plan].figures[name].mean for plan in plans) for name in figures}
    return Rows(heading, headings, tuple(cells), numbers)
