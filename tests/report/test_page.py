"""The HTML report's tables: words read from the left, numbers line up on the right, and all of it is escaped."""

from sim.report.page import _table
from sim.report.rows import Rows


def test_words_stand_left_and_numbers_right() -> None:
    rows = Rows("Plans", ("plan", "cost", "wait", "outcome"), (("plan 1", "$3", "–", "misses <it>"), ("plan 2", "–", "2 h", "–")))
    page = _table(rows)
    assert '<th class="text">outcome</th>' in page
    assert '<td class="text">misses &lt;it&gt;</td>' in page
    assert "<th>cost</th>" in page
    assert "<td>–</td><td>2 h</td>" in page
    assert _table(Rows("Nothing", ("plan",), ())) == ""
