"""A routing policy that has nothing to decide by is refused, and so are words that it would not read."""

from pathlib import Path

import pytest

from sim.engine.routing import ROUTINGS
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.study.preparation import prepare
from sim.study.replication import replicate


@pytest.mark.parametrize(
    ("routing", "says"),
    [
        ({"policy": "fastest"}, "found 'fastest'; known here: cheapest, cost-of-delay, data-home, earliest-start"),
        ({"policy": "cost-of-delay"}, "no workload says what delay costs; add 'cost-of-delay: 5 USD/GPU/h'"),
        ({"policy": "data-home"}, "no workload's data have a home; add 'data: {home: first}'"),
        ({"policy": "random", "overflow-when": {"expected-wait": "1 h"}}, "found beside 'policy: random', which does not read it"),
        ({"policy": "random", "migrate": True}, "which never finds a better pool"),
        ({"prefer": ["frist"]}, r"did you mean 'first'\?"),
    ],
)
def test_a_policy_that_could_not_decide_is_refused(small: Path, routing: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        validate(open_document(str(small)).override("policy", {"routing": routing}))
    assert all(problem.where for problem in caught.value.problems)


@pytest.mark.parametrize("policy", ROUTINGS)
def test_every_policy_runs_by_its_name_and_says_what_it_kept(small: Path, policy: str) -> None:
    """The names of the words are those of the engine; deadlines and the price of delay become figures."""
    document = open_document(str(small)).override("policy", {"routing": {"policy": policy}}).override("horizon", "4 d")
    document = document.override("workloads.tunes.deadline", "3 h").override("workloads.merges.cost-of-delay", "4 USD/GPU/h")
    document = document.override("workloads.tunes.data", {"home": "first"})
    for provider in ("first", "second"):
        document = document.override(f"providers.{provider}.network", {"to-others": {"bandwidth": "10 Gb/s"}})
    figures = replicate(prepare(document), 0).figures
    assert 0 < figures["deadlines.met"] <= 1
    assert figures["deadlines.met"] == figures["workload.tunes.deadlines.met"]
    assert "workload.merges.deadlines.met" not in figures
    assert figures["delay.usd"] == pytest.approx(figures["workload.merges.delay.usd"])
