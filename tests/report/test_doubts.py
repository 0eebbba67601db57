"""What a reader is told of how sure the figures are."""

import pytest

from sim.report.doubts import FEW_REPLICATIONS, notes_of
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
