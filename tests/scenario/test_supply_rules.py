"""Supply that cannot be: refused with the key and what would do."""

from pathlib import Path

import pytest

from sim.scenario.document import parse_set
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate

FIRST, SECOND = "providers.first.pools.a", "providers.second.pools.b"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (f"{SECOND}.placement=spread", "found spread beside an on-demand offer"),
        (f"{FIRST}.expiries=[{{nodes: 2, after: 5 d}}]", "found 2 nodes leaving after 5 d, when 1 are there"),
        (f"{FIRST}.expiries=[{{nodes: 1, after: 20 d}}]", "not before the horizon"),
        (f"{FIRST}.deliveries=[{{nodes: -16, after: 5 d}}]", "found -16"),
        (f"{FIRST}.failures={{mtbf: 0 h/node}}", "is more than 0"),
        (f"{FIRST}.failures={{mtbf: 5000 h}}", "takes a time per node or GPU"),
        (f"{FIRST}.elastic={{max: 4, scale-up: {{queue-wait: 5 min}}}}", "paid whether nodes are used or not"),
        (f"{SECOND}.elastic={{min: 4, max: 2, scale-up: {{headroom: 20%}}}}", "give a min of 2 or less"),
        (f"{SECOND}.elastic={{max: 4, scale-up: {{}}}}", "exactly one of queue-wait, backlog, headroom"),
        ("providers.first.incidents={dates: [{at: 30 d, duration: 1 h}]}", "not before the horizon"),
        ("providers.first.incidents={mtbf: 30 d}", "found mtbf without duration"),
    ],
)
def test_contradictory_supply_is_refused(small: Path, written: str, says: str) -> None:
    """Spread leases, more leaving than there are, dates out of the horizon, no time between failures, growth of a commitment."""
    key, value = parse_set(written)
    with pytest.raises(InputError, match=says):
        validate(open_document(str(small)).override(key, value))


@pytest.mark.parametrize(
    ("expiries", "committed_until"),
    [
        ("[{nodes: 1, after: 3 d}]", None),
        ("[{nodes: 1, after: 71 h}]", "3 d"),
        ("[{nodes: 1, after: {median: 6 d, p95: 7 d}}]", "3 d"),
        ("[{nodes: 1, after: 3 d}, {nodes: 2, after: 7 d}]", None),
        ("[{nodes: 2, after: 6 d}]", "7 d"),
        ("[{nodes: 1, after: 3 d}, {nodes: 1, after: 6 d}]", "7 d"),
    ],
)
def test_committed_nodes_leave_when_their_term_is_over(small: Path, expiries: str, committed_until: str | None) -> None:
    """One node from the start and two from 4 d on, each committed for 3 d: the oldest leave first, and none before its commitment ends."""
    document = open_document(str(small))
    offer = "{reserved: 2 USD/GPU/h, term: 3 d}"
    for written in (f"offer={offer}", "deliveries=[{nodes: 2, after: 4 d}]", f"expiries={expiries}"):
        document = document.override(*parse_set(f"{FIRST}.{written}"))
    if committed_until is None:
        validate(document)
    else:
        with pytest.raises(InputError, match=f"committed until {committed_until}; let them leave then or not at all"):
            validate(document)


@pytest.mark.parametrize(
    ("expiry", "says"),
    [
        ("3 d", "found 1 nodes leaving after 3 d, when 0 are there"),
        ("6 d", "committed until 7 d; let them leave then"),
        ("7 d", None),
    ],
)
@pytest.mark.parametrize(
    "bought", [("nodes=1", "provisioning=4 d"), ("nodes=0", "deliveries=[{nodes: 1, after: 6 d, earlier: 4 d}]", "provisioning=2 d")]
)
def test_committed_nodes_are_there_when_the_provider_has_answered(
    small: Path, bought: tuple[str, ...], expiry: str, says: str | None
) -> None:
    """From 4 d on, for a term of 3 d, however that date is written: none can leave before it, and none before the term is over."""
    document = open_document(str(small))
    for written in (*bought, "offer={reserved: 2 USD/GPU/h, term: 3 d}", f"expiries=[{{nodes: 1, after: {expiry}}}]"):
        document = document.override(*parse_set(f"{FIRST}.{written}"))
    if says is None:
        validate(document)
    else:
        with pytest.raises(InputError, match=says):
            validate(document)


def test_owned_nodes_that_come_earlier_may_leave_earlier(small: Path) -> None:
    """They wait for no answer, and what was asked for earlier is there."""
    document = open_document(str(small))
    delivery = "deliveries=[{nodes: 2, after: 6 d, earlier: 4 d}]"
    for written in ("offer={owned: 2 USD/GPU/h}", delivery, "provisioning=5 d", "expiries=[{nodes: 3, after: 3 d}]"):
        document = document.override(*parse_set(f"{FIRST}.{written}"))
    validate(document)
