"""The plain answers of a run: what a reader is told of targets that break and of commitments that pay."""

from typing import Any

import pytest

from sim.report.answers import answers
from sim.report.rows import headline_rows
from sim.results.breach import Breach
from sim.results.commitments import LIST_PRICE, OnDemand
from sim.results.statistics import BY_T, Estimate, estimate
from sim.results.summary import Summary
from sim.scenario.units import DAY, WEEK


def summary(replications: int, *breaches: Breach, **figures: Estimate) -> Summary:
    facts: dict[str, Any] = {
        "leadtime_version": "0",
        "scenario": "s",
        "plan": "p",
        "question": "q",
        "seed": 1,
        "replications": replications,
    }
    facts |= {"intervals": BY_T, "precision": None, "horizon_s": 60 * DAY, "warmup_s": 0.0, "scenario_sha256": "", "bases": ()}
    facts |= {"verdicts": (), "wait_curves": {}, "warmup_checks": (), "target_utilisation": 0.8, "unusable": {}, "notes": ()}
    return Summary(**facts, figures={name.replace("__", "."): one for name, one in figures.items()}, breaches=breaches)


def breach(share: float, *days: float | None) -> Breach:
    early, half, late = (None if day is None else day * DAY for day in days)
    about = {"workload": "merges", "figure": "workload.merges.wait.p95", "limit_s": 1800.0, "window_s": WEEK}
    return Breach(
        **about,  # type: ignore[arg-type]
        probability=share,
        probability_low=max(share - 0.25, 0.0),
        probability_high=min(share + 0.25, 1.0),
        early_s=early,
        median_s=half,
        late_s=late,
    )


@pytest.mark.parametrize(
    ("replications", "one", "said"),
    [
        (10, breach(1.0, 7, 7, 7), "stays over 30 min to the end in 10 of 10 replications (100%, 95 % interval 75% – 100%), from day 7 on"),
        (
            10,
            breach(1.0, 7, 9, 30),
            "95 % interval 75% – 100%), from day 7 on in 5 % of all, day 9 on in half of all, day 30 on in 95 % of all",
        ),
        (10, breach(1.0, 7, 7, 15), "75% – 100%), from day 7 on in half of all, day 15 on in 95 % of all"),
        (10, breach(0.6, 7, 7, None), "35% – 85%), from day 7 on in half of all"),
        (10, breach(0.1, 53, None, None), "in 1 of 10 replications (10%, 95 % interval 0% – 35%), from day 53 on in 5 % of all"),
        (10, breach(0.0, None, None, None), "stays over 30 min to the end in none of 10 replications (95 % interval: at most 25% of them)"),
        (1, breach(1.0, 12, 12, 12), "stays over 30 min to the end, from day 12 on (a single run)"),
        (1, breach(0.0, None, None, None), "does not stay over 30 min to the end (a single run)"),
    ],
)
def test_a_target_that_breaks_is_told_with_its_days(replications: int, one: Breach, said: str) -> None:
    (sentence,) = answers(summary(replications, one))
    assert sentence.startswith("merges, p95 wait of each 7 d: ")
    assert sentence.endswith(said)


@pytest.mark.parametrize(("days", "window"), [(60, "week"), (28, "week"), (5, "1.25 d")])
def test_headroom_is_told_with_what_it_is_taken_over(days: float, window: str) -> None:
    """A week, or a quarter of a horizon that is shorter than four."""
    figures = {f"headroom__{name}": estimate([4.0, 4.0]) for name in ("end_gpus", "least_gpus")}
    run = summary(2, **figures).model_copy(update={"horizon_s": days * DAY})
    (sentence,) = answers(run)
    assert sentence.endswith(f": 4 GPUs in the last {window} and 4 GPUs in the tightest")
    assert (f"headroom for new work, last {window}", "4 GPUs") in headline_rows(run).cells


@pytest.mark.parametrize(
    ("used", "pays", "said"),
    [
        ((0.57, 0.57), 0.7, "57%, dearer than the same GPU-hours on demand at $2.95/GPU/h (list price): it pays from 70% on"),
        ((0.80, 0.81), 0.7, "80%, cheaper than the same GPU-hours on demand at $2.95/GPU/h (list price): it pays from 70% on"),
        (
            (0.60, 0.82),
            0.7,
            "71%, and pays from 70% on: replications do not tell whether it is cheaper than the same GPU-hours on demand at ",
        ),
        ((0.76,), 0.7, "76%, cheaper than the same GPU-hours on demand at $2.95/GPU/h (list price): it pays from 70% on"),
        ((0.57, 0.57), 1.695, "57%, and never pays: even used to the full it is dearer than the same GPU-hours on demand at $2.95/GPU/h"),
    ],
)
def test_a_commitment_is_compared_with_the_same_hours_on_demand(used: tuple[float, ...], pays: float, said: str) -> None:
    """Cheaper, dearer, never paid back, or not to be told from these replications; always at a price."""
    figures = {"commitment__utilisation": estimate(used), "commitment__break_even_utilisation": estimate([pays] * len(used))}
    price = OnDemand(gpu="h100-sxm", usd_per_gpu_hour=2.95, seller=LIST_PRICE)
    (sentence,) = answers(summary(len(used), **figures).model_copy(update={"on_demand": (price,)}))
    assert sentence.startswith(f"owned and committed capacity is used to {said}")


def test_the_prices_of_several_gpus_are_told_apart() -> None:
    figures = {"commitment__utilisation": estimate([0.5, 0.5]), "commitment__break_even_utilisation": estimate([0.7, 0.7])}
    prices = (OnDemand(gpu="a", usd_per_gpu_hour=2.0, seller="p.x"), OnDemand(gpu="b", usd_per_gpu_hour=3.0, seller=LIST_PRICE))
    (sentence,) = answers(summary(2, **figures).model_copy(update={"on_demand": prices}))
    assert "on demand at $2.00/GPU/h (a, p.x) and $3.00/GPU/h (b, list price):" in sentence
