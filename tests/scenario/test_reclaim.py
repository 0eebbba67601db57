"""The word `reclaim`: one process, said once, with what a user most likely leaves out filled in from published facts."""

import pytest
from pydantic import ValidationError

from sim.scenario.reclaim import Reclaim


def test_a_process_needs_only_its_mtbf() -> None:
    """AWS's notice and the recorded absences stand in for what is not said."""
    word = Reclaim.model_validate({"mtbf": "18 h"})
    assert (word.mtbf, word.notice, word.time_away.centre) == (18 * 3600.0, 120.0, 35 * 60.0)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({}, "found neither mtbf nor trace; write one of them"),
        ({"mtbf": "18 h", "trace": "x.json"}, "found both mtbf and trace"),
        ({"mtbf": "0 h"}, "must be more than 0"),
        ({"trace": "x", "away": "1 h"}, "leave away out"),
        ({"mtbf": "1 h", "zone": "us-east-1a"}, "found zone without trace"),
    ],
)  # fmt: skip
def test_contradictions_are_refused_with_what_would_do(written: dict[str, str], says: str) -> None:
    """Two processes, none, or half a one."""
    with pytest.raises(ValidationError, match=says):
        Reclaim.model_validate(written)
