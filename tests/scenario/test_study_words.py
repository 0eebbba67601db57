"""Words of sweeps and optimisations: ranges as planners write them, keys that exist, and one error a mistake."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from sim.scenario.document import parse_choices
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.scenario.units import split_quantity
from sim.scenario.values import Choices, Span, parse_values


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("0..3", (0, 1, 2, 3)),
        ("0..96 step 32", (0, 32, 64, 96)),
        ("0..5 step 2", (0, 2, 4)),
        ("10/d..40/d step 10/d", ("10/d", "20/d", "30/d", "40/d")),
        ("5..15 min step 5 min", ("5 min", "10 min", "15 min")),
        ("2 USD/GPU/h..2.5 USD/GPU/h step 0.25 USD/GPU/h", ("2 USD/GPU/h", "2.25 USD/GPU/h", "2.5 USD/GPU/h")),
        (["0..2", 8], (0, 1, 2, 8)),
        (["../a.json", None, {"owned": "1 USD/GPU/h"}], ("../a.json", None, {"owned": "1 USD/GPU/h"})),
    ],
)
def test_a_range_is_its_values_as_a_scenario_writes_them(written: object, values: tuple[Any, ...]) -> None:
    """Both ends are values, units are kept, and a path with dots is no range."""
    found = parse_values(written)
    assert isinstance(found, Choices)
    assert found.values == values


def test_a_range_of_other_numbers_is_continuous() -> None:
    """Only whole numbers have a step of their own."""
    assert parse_values("1 h..8 h") == Span(1.0, 8.0, " h")
    assert Span(1.0, 8.0, " h").at(0.5) == "4.5 h"


@given(st.integers(-50, 50), st.integers(0, 60), st.integers(1, 9))
def test_steps_lie_in_the_range_and_reach_as_far_as_they_can(low: int, length: int, step: int) -> None:
    found = parse_values(f"{low}..{low + length} step {step}")
    assert isinstance(found, Choices)
    assert found.values == tuple(range(low, low + length + 1, step))


@given(st.floats(0.1, 50), st.integers(0, 40), st.sampled_from(["min", "USD/GPU/h", "%"]))
def test_values_with_units_are_quantities_again(low: float, steps: int, unit: str) -> None:
    """No step is lost to rounding, and every value reads back."""
    low = float(f"{low:.4g}")
    found = parse_values(f"{low!r} {unit}..{low + steps * 0.1!r} {unit} step 0.1 {unit}")
    assert isinstance(found, Choices)
    read = [split_quantity(value) for value in found.values]
    assert len(read) == steps + 1
    assert all(one is not None and one[1] == unit for one in read)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ([], "empty range"),
        ("96..0", "empty range"),
        (5, "write a list"),
        ("../x", "write a list"),
        ("1 h..2 d", "have one unit"),
        ("0..1e9", "at most 10000"),
        ("0..9 step 0", "more than 0"),
        (["1 h..2 h"], "range without a step"),
    ],
)
def test_what_is_no_range_is_refused(written: object, says: str) -> None:
    with pytest.raises(PydanticCustomError, match=says):
        parse_values(written)


@pytest.mark.parametrize(
    ("study", "says"),
    [
        ({"sweep": {"providers.frst.pools.a.nodes": [1]}}, r"there is no 'frst' in providers; did you mean 'first'\?"),
        ({"sweep": {"workloads.tunes.precison": ["bf16"]}}, r"there is no 'precison' in workloads.tunes; did you mean 'precision'\?"),
        ({"sweep": {"study.sweep": [1]}}, "is not what a plan is made of"),
        ({"sweep": {"horizon.x": ["1 d"]}}, "is a single value"),
        ({"sweep": {"horizon": ["5 d", "6 d"]}}, "measure different spans, .*give all the same, as in --set horizon='10 d'"),
        ({"optimise": {"over": {"horizon": ["5 d", "6 d"]}}}, "measure different spans"),
        ({"sensitivity": {"over": {"warmup": "1 d..2 d"}}}, "measure different spans"),
        ({"sensitivity": {"over": {"workloads.tunes.arrivals.rat": "1/d..2/d"}}}, r"did you mean 'rate'\?"),
        ({"sweep": {"horizon": []}}, "empty range"),
        ({"sweep": {}}, "no key to vary"),
        ({"sweep": {"horizon": "1 d..3 d"}}, "a grid needs one"),
        ({"sweep": {"seed": [1], "points": 3}}, "points without"),
        ({"sweep": {"seed": [1], "sample": "latin-hypercube"}}, "found no points"),
        ({"sweep": {"seed": [1], "sample": "sobol"}}, "'grid' or 'latin-hypercube' would do"),
        ({"optimise": {"over": {}}}, "is empty"),
        ({"optimise": {"over": {"provider.first": [1]}}}, r"did you mean 'providers'\?"),
        ({"optimise": {"over": {"horizon": "1 d..3 d"}}}, "range without a step"),
        ({"optimise": {"over": {"seed": "1..2"}, "minimise": "wait"}}, "'cost' would do"),
    ],
)
def test_each_mistake_is_one_error_with_its_place(small: Any, study: dict[str, Any], says: str) -> None:
    """Nothing runs: the scenario itself is refused."""
    with pytest.raises(InputError, match=says) as caught:
        validate(open_document(str(small)).override("study", study))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].where == "--set"


def test_keys_that_are_not_written_but_may_be_can_be_varied(small: Any) -> None:
    """Defaults, list items and free-form filters have keys too."""
    keys = ["policy.queue.order", "providers.second.pools.b.deliveries", "providers.first.pools.a.offer.upfront", "policy.routing.prefer.0"]
    document = open_document(str(small)).override("study", {"sweep": {key: [1] for key in keys}})
    assert set(validate(document).study.sweep.over) == set(keys)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("a.b=0,16,32", [0, 16, 32]),
        ("a.b=0..96 step 8", ["0..96 step 8"]),
        ("a.b='30 d','60 d'", ["30 d", "60 d"]),
        ("a.b=[x, y],[x]", [["x", "y"], ["x"]]),
        ("a.b={on-demand: 3 USD/GPU/h},null", [{"on-demand": "3 USD/GPU/h"}, None]),
    ],
)
def test_values_on_the_command_line(argument: str, values: list[Any]) -> None:
    """Commas part values, but not inside brackets."""
    assert parse_choices(argument) == ("a.b", values)


@pytest.mark.parametrize("argument", ["a.b", "=1,2", "a.b=", "a.b=[1,2"])
def test_a_set_without_values_is_refused(argument: str) -> None:
    with pytest.raises(InputError):
        parse_choices(argument)
