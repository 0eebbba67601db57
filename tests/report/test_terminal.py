"""Tables on terminals too narrow for them."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sim.report.terminal import GAP, abreast

WORDS = st.text("abc –µ", max_size=30)


@given(st.lists(WORDS, min_size=1, max_size=9), st.integers(20, 200))
def test_columns_stand_abreast_as_far_as_a_terminal_is_wide_and_none_is_lost(headings: list[str], width: int) -> None:
    groups = abreast([headings], width)
    assert [column for group in groups for column in group if column] == list(range(1, len(headings)))
    assert all(group[0] == 0 for group in groups)
    for number, group in enumerate(groups):
        taken = sum(cell_len(headings[column]) + GAP for column in group) - GAP
        assert taken <= width or len(group) <= 2, "a pair that is too wide stands alone"
        if number:
            before = sum(cell_len(headings[column]) + GAP for column in (*groups[number - 1], group[1])) - GAP
            assert before > width, "a part begins where the one before it has no room left"
