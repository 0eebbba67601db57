"""Ways of searching: with true lower bounds each finds the cheapest plan that meets its targets, and looks at few others."""

from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.study.bounds import Least
from sim.study.search import Found, Place, Search, bisect_next, enumerate_next, neighbour_next


def search(sizes: tuple[int, ...], costs: dict[Place, float], ratios: dict[Place, float], slack: float) -> Search:
    """Plans whose bounds are `slack` under what simulating them would say."""
    bounds = {place: Least(costs[place] * slack, {"workload.w.wait.p95": ratios[place] * slack}) for place in costs}
    return Search(sizes, (True,) * len(sizes), {"workload.w.wait.p95": 1.0}, bounds.__getitem__)


@given(st.data(), st.integers(1, 5), st.integers(1, 5), st.floats(0, 1))
def test_enumeration_finds_the_cheapest_whatever_the_bounds_leave_out(data: st.DataObject, rows: int, columns: int, slack: float) -> None:
    """Bounds decide how many are simulated, never what is found: a plan that meets its targets is never ruled out."""
    places = [(row, column) for row in range(rows) for column in range(columns)]
    numbers = st.lists(st.floats(0.1, 3), min_size=len(places), max_size=len(places))
    costs, ratios = (dict(zip(places, data.draw(numbers), strict=True)) for _ in range(2))
    state = search((rows, columns), costs, ratios, slack)
    while (place := enumerate_next(state)) is not None:
        state.found[place] = Found(costs[place], ratios[place])
    able = [place for place in places if ratios[place] <= 1]
    assert state.best == min(able, key=lambda place: (costs[place], place), default=None)
    if slack == 1.0 and able:
        assert len(state.found) == 1


@given(st.integers(1, 200), st.integers(0, 200), st.integers(0, 3), st.floats(0, 0.9))
def test_bisection_finds_the_smallest_size_that_is_confirmed(size: int, smallest: int, failing: int, slack: float) -> None:
    """In about log2 of the range; a size that is not confirmed sends it on to the next larger one."""
    places = [(index,) for index in range(size)]
    costs = {place: float(place[0] + 1) for place in places}
    ratios = {place: 3.0 if place[0] < smallest else 0.5 for place in places}
    state = search((size,), costs, ratios, slack)
    while True:
        while (place := bisect_next(state)) is not None:
            assert place not in state.found
            state.found[place] = Found(costs[place], ratios[place])
        if state.best is None or state.best[0] >= smallest + failing:
            break
        state.unconfirmed.add(state.best)
    expected = smallest + failing
    assert state.best == ((expected,) if expected < size else None)
    assert len(state.found) <= ceil(log2(size + 1)) + 1 + 10 * failing


def test_neighbours_step_along_one_axis_or_trade_one_for_another() -> None:
    """From a corner of a trade-off to its best, where every single step is worse."""
    places = [(a, b) for a in range(5) for b in range(5)]
    costs = {(a, b): 3.0 * a + 2.0 * b for a, b in places}
    ratios = {(a, b): 4 / (a + b) if a + b else 9.0 for a, b in places}
    state = search((5, 5), costs, ratios, 0.0)
    state.found[4, 0] = Found(costs[4, 0], ratios[4, 0])
    while (place := neighbour_next(state)) is not None:
        state.found[place] = Found(costs[place], ratios[place])
    assert state.best == (0, 4)


@pytest.mark.parametrize(("together", "hopeless"), [(1.9, False), (2.1, True)])
def test_targets_can_be_out_of_reach_together(together: float, hopeless: bool) -> None:
    """Each alone could be met, but not all: their sum is over the sum of the limits."""
    limits = {"workload.a.wait.p95": 1.0, "workload.b.wait.p95": 1.0, "workload.b.wait.mean": 0.1}
    least = Least(1.0, dict.fromkeys(limits, 0.0), together)
    assert Search((1,), (True,), limits, lambda _: least).hopeless((0,)) == hopeless
