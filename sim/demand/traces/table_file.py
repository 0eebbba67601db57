"""Trace files that are tables with a header: read as text, renamed and filtered as asked, every problem named.

Pandas is imported by who reads one: a quarter of a second that a worker process without a trace need not spend.
"""

import gzip
import zlib
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.demand.table import Floats
from sim.scenario.errors import InputError
from sim.scenario.nearest import nearest

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 4_000_000_000
"""Of unpacked text: far above any public trace of jobs, far under what a crafted archive unpacks to."""


def read_text(path: Path) -> str:
    """The file's text, unpacked where it is gzip; InputError for a folder, a missing or unreadable file."""
    if path.is_dir():
        raise InputError.of("is a folder; give a trace file", where=str(path))
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            data = (gzip.GzipFile(fileobj=raw) if packed else raw).read(MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError.of("is a damaged gzip file; fetch it again", where=str(path)) from None
    except OSError as error:
        raise InputError.of(f"cannot be read ({error.strerror}); give the trace's own path with --set", where=str(path)) from None
    if len(data) > MOST_BYTES:
        raise InputError.of(f"unpacks to over {MOST_BYTES} bytes; split it", where=str(path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError.of("is not UTF-8 text; give a trace in the format named", where=str(path)) from None


def read_rows(path: Path, where: dict[str, str]) -> "pd.DataFrame":
    """The table as text, with the rows that `where` keeps."""
    import pandas as pd

    text = read_text(path)
    header = text.partition("\n")[0].strip().split(",")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError.of(f"has column {twice[0]!r} twice; keep one", where=f"{path}:1")
    try:
        rows = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise InputError.of(f"is no table with a header ({str(error).strip()})", where=str(path)) from None
    rows = rows.rename(columns=str.strip)
    for column, value in where.items():
        if column not in rows:
            raise InputError.of(
                f"found {column!r}, no column of {path.name}; {nearest(column, rows.columns.tolist())}", key=f"where.{column}"
            )
        kept = rows[rows[column] == value]
        if kept.empty:
            known = sorted(rows[column].unique())
            shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
            raise InputError.of(f"found {value!r}, which no row has; {column} holds {shown}", key=f"where.{column}")
        rows = kept
    return rows.reset_index(drop=True)


def renamed(rows: "pd.DataFrame", columns: dict[str, str], known: tuple[str, ...], path: Path) -> "pd.DataFrame":
    """The table under our column names: `columns` maps ours to the file's."""
    for ours, theirs in columns.items():
        if ours not in known:
            raise InputError.of(f"is not a column of ours; {nearest(ours, list(known))}", key=f"columns.{ours}")
        if theirs not in rows:
            raise InputError.of(
                f"found {theirs!r}, no column of {path.name}; {nearest(theirs, rows.columns.tolist())}", key=f"columns.{ours}"
            )
    taken = rows.drop(columns=[ours for ours in columns if ours in rows and columns[ours] != ours])
    return taken.rename(columns={theirs: ours for ours, theirs in columns.items()})


def require(rows: "pd.DataFrame", needed: tuple[str, ...], path: Path) -> None:
    """InputError for the first column that is not there."""
    for name in needed:
        if name not in rows:
            raise InputError.of(
                f"has no column {name!r} (it has {', '.join(rows.columns)}); name it in the scenario, as in columns: {{{name}: ITS NAME}}",
                where=f"{path}:1",
            )


def numbers(column: "pd.Series") -> Floats:
    """The column's numbers; NaN where there is none."""
    import pandas as pd

    return np.asarray(pd.to_numeric(column, errors="coerce"), np.float64)


def blank(column: "pd.Series") -> NDArray[np.bool_]:
    """Where the column has nothing written, or a row ends before it."""
    return np.asarray(column.fillna("").str.strip() == "", np.bool_)


def seconds(column: "pd.Series") -> Floats:
    """Times in seconds: numbers as they are, else absolute timestamps (ISO 8601) as seconds since 1970; NaN where neither."""
    import pandas as pd

    plain = numbers(column)
    if np.isfinite(plain).any():
        return plain
    stamps = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    since = (stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return np.asarray(since, np.float64)
