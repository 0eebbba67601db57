"""Quantities: what a planner writes is what the simulator counts."""

import math
import re
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sim.scenario.distributions import Z95, Distribution, DurationDistribution
from sim.scenario.units import Bandwidth, Bytes, Count, Duration, Growth, Price, Rate, Whole, format_duration, parse_duration


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        (Duration, "90 d", 90 * 86400.0),
        (Duration, "1.5h", 5400.0),
        (Duration, "2 months", 60 * 86400.0),
        (Count, "64B", 64e9),
        (Count, 300, 300.0),
        (Price, "2.49 USD/GPU/h", 2.49),
        (Bandwidth, "400 Gb/s", 50e9),
        (Bytes, "80 GB", 80e9),
        (Rate, "40/d", 40 / 86400),
        (Growth, "10%/month", math.log(1.1) / (30 * 86400)),
    ],
)
def test_units(kind: object, text: object, number: float) -> None:
    """Base units: seconds, bytes, counts, USD per GPU-hour."""
    assert TypeAdapter(kind).validate_python(text) == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize("text", [90, "90", "90 parsecs", "", "d", True, None, "nan d", "-3 d"])
def test_no_unit_no_guess(text: object) -> None:
    """A bare number is an error, never a guess."""
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@pytest.mark.parametrize(
    ("kind", "found", "says"),
    [
        (Duration, "2 days", "whose unit 'days' does not fit (did you mean 'd'?)"),
        (Duration, "5 minutes", "did you mean 'min'?"),
        (Rate, "50/day", "did you mean '/d'?"),
        (Duration, "9 GPUs", "whose unit 'GPUs' does not fit; a duration takes"),
        (Price, "1e300 USD/GPU/h", "found '1e300 USD/GPU/h'; a price is never that large"),
        (Growth, "-150%/month", "found '-150%/month', which leaves nothing; more than -100%/month would do, as in '-10%/month'"),
        (Growth, "-100%/y", "which leaves nothing; more than -100%/y would do"),
        (Growth, "5%", "growth takes one of %/d, %/w, %/month, %/y"),
        (Annotated[int, Whole(0, "the number of nodes")], 10**8, "the number of nodes is never more than 10000000"),
    ],
)
def test_what_was_meant_is_said_and_what_nobody_means_refused(kind: object, found: object, says: str) -> None:
    """Sums of absurd quantities would overflow, and absurd numbers of nodes take all memory."""
    with pytest.raises(ValidationError, match=re.escape(says)):
        TypeAdapter(kind).validate_python(found)


@given(st.floats(1e-3, 1e9))
def test_formatting_loses_no_more_than_it_shows(seconds: float) -> None:
    """Three significant digits survive the round trip."""
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=6e-3)


def test_median_and_p95_make_the_lognormal_that_has_them() -> None:
    """ln(p95/median) = z·σ."""
    found = TypeAdapter(DurationDistribution).validate_python({"median": "1 h", "p95": "6 h"})
    assert found == Distribution("lognormal", 3600.0, pytest.approx(math.log(6) / Z95))
