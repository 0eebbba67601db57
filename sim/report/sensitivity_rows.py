"""A sensitivity study as tables of text and bars of a tornado: the strongest input first."""

from sim.report.rows import Rows
from sim.report.words import title, value
from sim.results.difference import Difference
from sim.study.inputs import ERROR
from sim.study.sensitivity import Sensitivity
from sim.study.space import short_names

STRENGTHS = {
    "morris": ("mean step (mu*)", "spread of steps (sigma)"),
    "sobol": ("share of variance, total", "of it only with others"),
}


def sensitivity_rows(sensitivity: Sensitivity, figure: str) -> Rows:
    """One row an input: its range, what it does alone at either end, and what the screening says of it among all others."""
    names = input_names(sensitivity)
    strength, company = STRENGTHS[sensitivity.method]
    share = sensitivity.method == "sobol"
    cells = []
    for name, effect in sensitivity.effects[figure].items():
        ends = sensitivity.inputs[name]
        amounts = (effect.strength, effect.company)
        cells.append(
            (
                names[name],
                f"{ends.low} – {ends.high}",
                _moved(figure, effect.low),
                _moved(figure, effect.high),
                *(f"{one:.1%}" if share else value(figure, one) for one in amounts),
            )
        )
    base = value(figure, sensitivity.base[figure].mean)
    return Rows(
        f"What moves {title(figure)} ({base} as written)",
        ("input", "range", "at the low end", "at the high end", strength, company),
        tuple(cells),
    )


def input_names(sensitivity: Sensitivity) -> dict[str, str]:
    """What each input is called: whose it is and the end of its key, or whose error it is."""
    short = short_names(name for name in sensitivity.inputs if not name.startswith(ERROR))
    keys = {name: _owned(name.split(".")) or said for name, said in short.items()}
    errors = {name: name.removeprefix(ERROR).split(".", 1) for name in sensitivity.inputs if name.startswith(ERROR)}
    return keys | {name: f"error of {family} on {gpu}" for name, (gpu, family) in errors.items()}


def _owned(key: list[str]) -> str:
    """``provider.pool provisioning mean`` and ``workload arrivals rate``; nothing for a key that is neither a pool's nor a workload's."""
    if key[0] == "providers" and key[2:3] == ["pools"] and len(key) > 4:
        return f"{key[1]}.{key[3]} {' '.join(key[4:])}"
    return f"{key[1]} {' '.join(key[2:])}" if key[0] == "workloads" and len(key) > 2 else ""


def sensitivity_notes(sensitivity: Sensitivity) -> list[str]:
    """What the columns mean, and how many runs they rest on."""
    how = (
        "mu* is the mean size of what the figure does when the input crosses its range, wherever the others stand; as large a sigma says "
        "that it depends on where they stand"
        if sensitivity.method == "morris"
        else "shares of the figure's variance over all ranges at once (Sobol); small negative shares are sampling error"
    )
    return [
        f"{sensitivity.runs:,} simulations on shared random numbers; changes at either end are paired, with 95 % intervals",
        how,
        "errors are how far a device's costs may be off, in standard deviations of its held-out error; they are varied here, not drawn",
    ]


def _moved(figure: str, one: Difference) -> str:
    """The change with its interval; "no change" where every replication stayed what it was."""
    if one.mean is None:
        return "–"
    if one.mean == 0 and one.low == one.high:
        return "no change"
    sign = "+" if one.mean > 0 else ""
    if one.low is None or one.high is None:
        return f"{sign}{value(figure, one.mean)}"
    return f"{sign}{value(figure, one.mean)} ({value(figure, one.low)} – {value(figure, one.high)})"
