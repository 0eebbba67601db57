"""Data that nobody could find, size or move are refused, each with its line and what would do."""

from pathlib import Path

import pytest

from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate

LINK = {"to-others": {"bandwidth": "10 Gb/s", "egress": "0.09 USD/GB"}}


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("workloads.tunes.data", {"home": "frist"}, r"'frist', which is no provider, provider\.pool or region; did you mean 'first'\?"),
        ("workloads.tunes.data", {"home": "first", "size": 140}, r"found 140, which has no unit; a size takes one of B, kB"),
        ("workloads.tunes.data", {"home": "first"}, r"providers\.second\.network\.to-others: is missing, and the data of workload 'tunes'"),
        ("providers.first.network", {"to-others": {"bandwidth": "10 Gb/s", "egress": "9 USD/h"}}, "a price of data takes one of USD/GB"),
        ("providers.first.network", {"to-others": {"egress": "0.09 USD/GB"}}, "bandwidth: is missing"),
        ("providers.first.pools.a.network", {"oversubscription": 0.5}, "greater than or equal to 1"),
        (
            "workloads.merges",
            {"kind": "trace", "format": "csv", "path": "x.csv", "data": {"home": "first"}},
            "size: is missing, and recorded jobs have no model",
        ),
    ],
)
def test_wrong_data_words_are_refused(small: Path, key: str, value: object, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        validate(open_document(str(small)).override(key, value))
    assert all(problem.where for problem in caught.value.problems)


@pytest.mark.parametrize("home", ["first", "first.a", "north"])
def test_a_home_is_a_provider_a_pool_or_a_region(small: Path, home: str) -> None:
    """All three names of the same place are understood."""
    document = (
        open_document(str(small)).override("workloads.tunes.data", {"home": home}).override("providers.first.pools.a.region", "north")
    )
    for provider in ("first", "second"):
        document = document.override(f"providers.{provider}.network", LINK)
    from sim.engine.links import links

    ways = links(validate(document))
    assert ways is not None
    assert ways.homes == ((), (0,))
    assert ways.seconds_per_byte.tolist() == [[0.0, 8e-10], [8e-10, 0.0]]
    assert ways.usd_per_byte.tolist() == [[0.0, 0.09e-9], [0.09e-9, 0.0]]
