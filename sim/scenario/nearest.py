"""What the user may have meant by a name that nobody has."""

from collections.abc import Sequence
from difflib import get_close_matches

CLOSE = 0.65
"""Of 1, how alike words are from here on: three letters of five are too few, as dance is not trace."""
MOST_NAMED = 20
"""Of more names a message gives the first, and their number."""


def meant(word: str, known: Sequence[str]) -> str:
    """``did you mean 'x'?`` where something known is close, capitals or not; else nothing."""
    folded = {name.casefold(): name for name in reversed(known)}
    close = get_close_matches(word.casefold(), list(folded), n=1, cutoff=CLOSE)
    return f"did you mean {folded[close[0]]!r}?" if close else ""


def nearest(word: str, known: Sequence[str]) -> str:
    """``did you mean 'x'?`` where something known is close, else the list of what is known."""
    if close := meant(word, known):
        return close
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return f"known here: {', '.join(sorted(known)[:MOST_NAMED])}{more}"
