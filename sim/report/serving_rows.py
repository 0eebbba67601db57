"""What serving a model takes, as rows of text: a row a device."""

from collections.abc import Sequence

from sim.cost.serving_estimate import ServingEstimate
from sim.report.estimate_rows import basis_words, held_words, price_notes, ranged_words, refusal_notes
from sim.report.rows import Rows
from sim.report.words import energy, usd
from sim.scenario.one_job import Serving
from sim.scenario.units import format_duration


def serving_title(work: Serving) -> str:
    """What is served in a line, so that a reader sees what the defaults were."""
    within = f", each further token within {format_duration(work.tpot)}" if work.tpot is not None else ""
    on = f"{work.gpus} GPU{'s' if work.gpus > 1 else ''}"
    return f"Serving {work.model} in bf16, {work.prompt} tokens a prompt, {work.output} an answer{within}, a replica on {on}"


def serving_rows(estimates: Sequence[ServingEstimate]) -> list[Rows]:
    """How fast it answers, and what that costs, on each device on which it can run."""
    speeds, costs = [], []
    for one in estimates:
        if one.memory_bytes is None:
            continue
        speeds.append(
            (
                one.device,
                ranged_words(one.first_token_s, format_duration),
                ranged_words(one.token_s, format_duration),
                str(one.at_once),
                ranged_words(one.requests_per_s, _rate),
                held_words(one),
                basis_words(one),
            )
        )
        replicas = "–" if one.replicas is None else f"{one.replicas}"
        costs.append(
            (
                one.device,
                ranged_words(one.tokens_per_s, _rate),
                ranged_words(one.usd_per_million_tokens, usd),
                ranged_words(one.energy_j_per_million_tokens, energy),
                replicas,
                "–" if one.usd_per_month is None else usd(one.usd_per_month),
            )
        )
    speed_columns = ("device", "first token", "each further token", "at once", "requests/s", "memory a GPU", "costs")
    cost_columns = ("device", "tokens/s a replica", "price of 1M tokens", "energy of 1M tokens", "replicas", "price a month")
    return [Rows("How fast a replica answers", speed_columns, tuple(speeds)), Rows("What answers cost", cost_columns, tuple(costs))]


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def serving_notes(work: Serving, estimates: Sequence[ServingEstimate]) -> list[str]:
    """What a reader must know before using the figures."""
    run = [one for one in estimates if one.memory_bytes is not None]
    notes = [*refusal_notes(estimates), *price_notes(run)]
    notes += [
        f"{one.device}: from measured stacks of {one.stacks[0]} layers, up to {one.stacks[1]} wide; of deeper and wider models that is "
        "beyond what was seen, and beyond these ranges (on two Xeon cores, models of 16 to 32 layers took 0.55 to 0.93 of it)"
        for one in run
        if one.stacks is not None
    ]
    if run:
        notes += [
            "a replica is kept at as many requests at once as its memory and the time asked for allow: the first token is of a prompt that "
            "waits for nobody, a further one waits while others' prompts are read; tokens are those of answers",
            "energy is at the device's power limit: an upper bound, for the GPUs alone",
            "ranges hold the truth 95 % of the time if the calibrations' errors are as stated; queueing comes on top",
        ]
    if work.rate is not None:
        notes.append("replicas answer the rate with nothing to spare: where requests come at random, some wait")
    return notes
