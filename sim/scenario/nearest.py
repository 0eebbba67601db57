"""What the user may have meant by a name that nobody has."""

from collections.abc import Sequence
from difflib import get_close_matches

MOST_NAMED = 20
"""Of more names a message gives the first, and their number."""


def nearest(word: str, known: Sequence[str]) -> str:
    """``did you mean 'x'?`` where something known is close, else the list of what is known."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return f"known here: {', '.join(sorted(known)[:MOST_NAMED])}{more}"
