"""A profile ends in its time: what a fit needs comes first, the time is shared among probes, and every prefix covers the range of work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")

import itertools

from profiler.budget import (
    CALLS,
    DEAR,
    LEAST_PACE,
    NEEDED_SHAPES,
    PROBE_DEATHS,
    SHAPE_SHARE,
    TRIED_RANGE,
    TRIED_SHARE,
    FirstRound,
    later_round,
    pace,
    spread_order,
    trial,
    work,
)  # fmt: skip
from profiler.fit import LEAST_SHAPES
from profiler.measuring import Item, Sample


def items(probe: str, count: int) -> list[Item]:
    return [Item(probe=probe, shape={"bytes": 64 + i}) for i in range(count)]


def run(choice: FirstRound, cost_s: dict[str, float], share_s: float) -> list[Item]:
    """The items that a first process would measure at these costs a probe."""
    left_s, chosen = share_s, []
    while left_s > 0 and (item := choice.next(left_s)) is not None:
        chosen.append(item)
        choice.saw(Sample(item=item, elapsed_s=cost_s[item.probe], median_s=1e-3))
        left_s -= cost_s[item.probe]
    return chosen


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=80, unique=True))
def test_shapes_are_reordered_and_none_is_lost(sizes: list[int]) -> None:
    shapes = [{"bytes": size} for size in sizes]
    ordered = spread_order(shapes)
    assert sorted(work(shape) for shape in ordered) == sorted(sizes)
    if len(sizes) >= 3:
        assert {min(sizes), max(sizes)} <= {shape["bytes"] for shape in ordered[:3]}


@given(st.integers(3, 100), st.data())
def test_any_first_shapes_leave_no_large_gap(count: int, data: st.DataObject) -> None:
    """The promise of trimming evenly: with n of the shapes measured, no gap between neighbours is over twice an even spread's."""
    first = data.draw(st.integers(3, count))
    ranks = sorted(shape["bytes"] for shape in spread_order([{"bytes": i + 1} for i in range(count)])[:first])
    widest = max(after - before for before, after in itertools.pairwise(ranks))
    assert widest <= 2 * (count - 1) / (first - 1) + 1


def test_with_time_enough_everything_is_measured_once() -> None:
    planned = [*items("a", 20), *items("b", 7), *items("step", 2)]
    chosen = run(FirstRound(planned, {"step"}, 1e3), {"a": 1.0, "b": 2.0, "step": 9.0}, 1e3)
    assert sorted(item.key for item in chosen) == sorted(item.key for item in planned)


def test_what_fits_need_goes_before_anchors_and_anchors_before_the_rest() -> None:
    planned = [*items("a", 20), *items("b", 20), *items("step", 2)]
    chosen = [item.probe for item in run(FirstRound(planned, {"step"}, 1e3), {"a": 1.0, "b": 1.0, "step": 1.0}, 1e3)]
    assert sorted(chosen[: 2 * NEEDED_SHAPES]) == ["a"] * NEEDED_SHAPES + ["b"] * NEEDED_SHAPES
    assert chosen[2 * NEEDED_SHAPES] == "step"


def test_what_a_quick_profile_does_without_comes_after_what_costs_rest_on() -> None:
    """Both get what a fit needs; of the rest of the time, the one beside gets a third."""
    planned = [*items("costs", 60), *items("beside", 60)]
    chosen = [item.probe for item in run(FirstRound(planned, (), 60.0, {"beside"}), {"costs": 1.0, "beside": 1.0}, 60.0)]
    assert sorted(chosen[: 2 * NEEDED_SHAPES]) == ["beside"] * NEEDED_SHAPES + ["costs"] * NEEDED_SHAPES
    assert chosen.count("costs") == 2 * chosen.count("beside")


def test_a_probe_that_is_dear_does_not_starve_the_others() -> None:
    """A probe that compiles, ten times as dear as the rest, gets its needed shapes as far as its share goes; the others keep theirs."""
    planned = [item for probe in ("dear", "a", "b", "c") for item in items(probe, 12)]
    chosen = [item.probe for item in run(FirstRound(planned, (), 30.0), {"dear": 5.0, "a": 0.5, "b": 0.5, "c": 0.5}, 30.0)]
    assert {probe: chosen.count(probe) for probe in "abc"} == {"a": 12, "b": 12, "c": 12}
    assert chosen.count("dear") >= 2


def test_what_fits_need_may_take_more_than_the_share_and_nothing_else_may() -> None:
    """Sixteen seconds of needed shapes in ten of a share: no anchor and no ninth shape on the time beyond."""
    probes = "abcdefgh"
    planned = [item for probe in (*probes, "step") for item in items(probe, 20)]
    for more_s, measured in ((0.0, 40), (2.0, 48), (100.0, NEEDED_SHAPES * len(probes))):
        choice, left_s, chosen = FirstRound(planned, {"step"}, 10.0, (), more_s), 10.0, []
        while left_s + more_s > 0 and (item := choice.next(left_s)) is not None:
            chosen.append(item)
            choice.saw(Sample(item=item, elapsed_s=0.25, median_s=1e-3))
            left_s -= 0.25
        assert len(chosen) == measured
        assert "step" not in {item.probe for item in chosen}


def test_shapes_too_large_for_a_slow_device_wait_for_all_others() -> None:
    """A dtype in which this device takes 10 ms a unit of work, among 19 fast probes: of its shapes, those that are not dear are measured
    over all of their range, and a dear one only when nothing else waits."""
    share_s, fast = 100.0, [f"fast-{number}" for number in range(19)]
    planned = [Item(probe="slow", shape={"m": size}) for size in range(1, 201)] + [item for probe in fast for item in items(probe, 20)]
    choice, left_s, chosen = FirstRound(planned, (), share_s), share_s, []
    while left_s > 0 and (item := choice.next(left_s)) is not None:
        call_s = item.shape["m"] * 0.01 if item.probe == "slow" else 0.02
        chosen.append(item)
        choice.saw(Sample(item=item, elapsed_s=CALLS * call_s, median_s=call_s))
        left_s -= CALLS * call_s
    most = int(DEAR * share_s / (20 * NEEDED_SHAPES * CALLS * 0.01))
    sizes = [item.shape["m"] for item in chosen if item.probe == "slow"]
    cheap = [size for size in sizes if size <= most]
    assert sizes[: len(cheap)] == cheap
    assert (min(cheap), max(cheap)) == (1, most)
    assert len(cheap) >= NEEDED_SHAPES
    first_dear = next((index for index, item in enumerate(chosen) if item.shape.get("m", 0) > most), len(chosen))
    assert len([item for item in chosen[:first_dear] if item.probe != "slow"]) == 19 * 20


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.01, 5.0), min_size=1), st.floats(1.0, 60.0))
def test_a_round_never_spends_more_than_its_time_and_one_shape(costs: dict[str, float], share_s: float) -> None:
    chosen = run(FirstRound([item for probe in costs for item in items(probe, 30)], (), share_s), costs, share_s)
    assert sum(costs[item.probe] for item in chosen) <= share_s + max(costs.values())


def test_a_probe_that_fails_at_once_is_not_asked_again_and_one_that_worked_is() -> None:
    choice = FirstRound(items("a", 5), (), 60.0)
    first = choice.next(60.0)
    assert first is not None
    choice.saw(Sample(item=first, skipped="RuntimeError: no", scope="probe"))
    assert choice.next(60.0) is None
    choice = FirstRound(items("a", 5), (), 60.0)
    choice.saw(Sample(item=items("a", 5)[0], median_s=1.0))
    choice.saw(Sample(item=items("a", 5)[1], skipped="RuntimeError: no", scope="probe"))
    assert choice.waiting == 3


def test_what_was_too_slow_spares_the_larger_ones() -> None:
    choice = FirstRound(items("a", 9), (), 60.0)
    choice.saw(Sample(item=items("a", 9)[4], skipped="too slow", scope="larger"))
    left = [item.shape["bytes"] for item in run(choice, {"a": 1.0}, 60.0)]
    assert sorted(left) == [64, 65, 66, 67]


def test_an_anchors_shapes_come_as_they_are_given_after_one_succeeded_too() -> None:
    planned = [Item(probe="step", shape={"layers": layers}) for layers in (3, 1, 4, 2)]
    assert run(FirstRound(planned, {"step"}, 60.0), {"step": 1.0}, 60.0) == planned


def test_an_anchor_too_slow_at_its_first_shape_is_not_tried_at_those_after_it() -> None:
    """They come smallest first, whatever the product of their sizes."""
    planned = [Item(probe="step", shape={"layers": layers}) for layers in (3, 1, 2)]
    choice = FirstRound(planned, {"step"}, 60.0)
    assert choice.next(60.0) == planned[0]
    choice.saw(Sample(item=planned[0], skipped="one call took 9 s", scope="larger"))
    assert choice.next(60.0) is None


def test_later_processes_leave_out_what_the_first_chose_last() -> None:
    first = items("a", 10)
    costs = {item.key: 1.0 for item in first}
    kept = later_round(first, costs, 6.5, 1)
    assert sorted(item.key for item in kept) == sorted(item.key for item in first[:6])
    assert sorted(item.key for item in later_round(first, costs, 1e9, 2)) == sorted(costs)


def test_every_process_has_an_order_of_its_own() -> None:
    first = items("a", 10)
    orders = [[item.key for item in later_round(first, {item.key: 1.0 for item in first}, 1e9, number)] for number in (1, 2, 3)]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_a_late_process_asks_for_less_but_never_for_nothing() -> None:
    assert pace(10.0, 20.0) == 1.0
    assert pace(10.0, 5.0) == 0.5
    assert pace(10.0, 0.01) == LEAST_PACE
    assert pace(0.0, 1.0) == 1.0


def test_a_probe_is_tried_on_a_shape_that_tells_its_speed() -> None:
    sizes = (1, 40, 1_000, 20_000, 1_000_000)
    planned = [Item(probe="p", shape={"m": size, "n": 2}) for size in reversed(sizes)]
    found = trial(planned)
    assert found is not None
    assert found.shape["m"] == TRIED_SHARE * sizes[-1] <= sizes[-1] / TRIED_RANGE
    assert FirstRound(planned, (), 60.0).next(60.0) == found
    assert trial([Item(probe="p", shape={"bytes": size}) for size in (8, 16, 64)]) is None


def test_what_would_crawl_by_a_small_try_is_never_asked_for() -> None:
    """0.1 s at a thousandth of the largest: the shapes that would take more than a shape's share of the time are left out, and those that
    take less are measured, by their work."""
    share_s = 60.0
    planned = [Item(probe="p", shape={"m": size}) for size in range(100, 100_001, 100)] + items("q", 1) + items("r", 1)
    choice, chosen = FirstRound(planned, (), share_s), []
    while (item := choice.next(1e9)) is not None:
        call_s = 1e-3 * item.shape.get("m", 1)
        chosen += [item.shape["m"]] if item.probe == "p" else []
        choice.saw(Sample(item=item, elapsed_s=CALLS * call_s, median_s=call_s))
    most = SHAPE_SHARE * share_s / CALLS / 1e-3
    assert chosen[0] == TRIED_SHARE * 100_000
    assert sorted(chosen) == list(range(100, int(most) + 1, 100))
    dear = [size for size in chosen if CALLS * 1e-3 * size > DEAR * share_s / (3 * NEEDED_SHAPES)]
    assert dear == sorted(dear)
    assert dear


def test_compiling_is_not_held_against_a_probe() -> None:
    """Two probes of equal shapes get about as many, though the first shape of one took as long as ten to compile (near the end of the time,
    one that may have to compile again fits less well)."""
    choice, left_s, taken = FirstRound([*items("a", 60), *items("b", 60)], (), 40.0), 40.0, {"a": 0, "b": 0}
    while (item := choice.next(left_s)) is not None:
        compiling_s = 5.0 if item.probe == "b" and not taken["b"] else 0.0
        choice.saw(Sample(item=item, elapsed_s=0.5 + compiling_s, compiling_s=compiling_s, median_s=1e-3))
        left_s -= 0.5 + compiling_s
        taken[item.probe] += 1
    assert abs(taken["a"] - taken["b"]) <= 3
    assert sum(taken.values()) >= 65


def test_a_probe_that_kills_its_processes_is_given_up() -> None:
    """After two deaths without a measurement; one that was measured before loses the shapes it dies of alone."""
    choice, asked = FirstRound([*items("a", 9), *items("b", 9)], (), 60.0), {"a": 0, "b": 0}
    while (item := choice.next(60.0)) is not None:
        asked[item.probe] += 1
        dies = item.probe == "a" or asked["b"] > 1
        choice.saw(Sample(item=item, skipped="died", scope="process") if dies else Sample(item=item, elapsed_s=0.1, median_s=1e-3))
    assert asked == {"a": PROBE_DEATHS, "b": 9}


def test_what_no_cost_can_do_without_comes_first_however_dear() -> None:
    items = [Item(probe=probe, shape={"bytes": 100 + i}) for probe in ("disk-write", "norm") for i in range(6)]
    share_s = 3.0
    assert DEAR * share_s / (2 * NEEDED_SHAPES) < CALLS * 0.125
    choice = FirstRound(items, (), share_s)
    chosen = []
    for _ in range(2 * LEAST_SHAPES):
        item = choice.next(share_s)
        assert item is not None
        chosen.append(item.probe)
        cost_s = 0.5 if item.probe == "disk-write" else 0.001
        choice.saw(Sample(item=item, elapsed_s=cost_s, median_s=cost_s / 4, calls=3))
    assert chosen == ["disk-write"] * LEAST_SHAPES + ["norm"] * LEAST_SHAPES
