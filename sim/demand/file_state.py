"""Which state of a file was read: what is kept of it, for other replications and plans, is read anew once it has changed."""

from pathlib import Path

State = tuple[int, int] | None


def state_of(file: Path) -> State:
    """Its size and when it was changed; None where it cannot be told, and whoever reads the file says so."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
