"""What a reader is told of how sure the figures are."""

import pytest

from sim.report.doubts import FEW_REPLICATIONS, notes_of, warnings_of
from sim.results.statistics import estimate
from sim.results.warmup import WarmupCheck
from sim.scenario.units import DAY
from tests.report.test_answers import summary


@pytest.mark.parametrize(
    ("replications", "said"),
    [
        (1, "a single run has no intervals"),
        (2, "from 2 replications are rough"),
        (FEW_REPLICATIONS - 1, "are rough"),
        (FEW_REPLICATIONS, ""),
    ],
)
def test_few_replications_are_told_and_enough_are_not(replications: int, said: str) -> None:
    notes = notes_of(summary(replications))
    assert [said in note for note in notes] == ([True] if said else [])


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ((191.5, 0.3, 0.1, 1123.8, 0.2, 154.8, 1.2, 1.6, 0.6, 0.3), "3 of 10 replications wait 6.45 d or more on average"),
        ((0.9, 0.3, 0.01, 0.2, 0.1, 0.02), ""),  # far from each other, and none of them long
        ((20.0, 30.0, 24.0, 50.0, 90.0, 40.0), ""),
        ((0.1, 0.1, 900.0), ""),  # too few to tell
    ],
)
def test_replications_of_two_kinds_are_told(hours: tuple[float, ...], said: str) -> None:
    """Costs known to ±90 % leave some draws overloaded and most idle."""
    notes = notes_of(summary(len(hours), wait__mean=estimate([3600 * one for one in hours])))
    told = [note for note in notes if "describes neither" in note]
    assert [said in note for note in told] == ([True] if said else [])


def test_nothing_is_told_without_a_sign() -> None:
    """What rounds to nothing has none."""
    check = WarmupCheck(series="jobs waiting", outcome="short", cut_s=DAY, bias=-0.02, bias_low=-0.036, bias_high=-0.004)
    (warning,) = warnings_of(summary(2).model_copy(update={"warmup_checks": (check,)}))
    assert "off by -2% (-4% – 0%)." in warning
