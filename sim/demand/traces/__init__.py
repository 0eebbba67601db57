"""Readers of recorded jobs, one file each, found by the name used in ``format:``. A new format is a reader here and its line below."""

from pathlib import Path

from sim.demand.traces.csv_jobs import read_csv
from sim.demand.traces.openb import read_openb
from sim.demand.traces.recorded import Reader, RecordedJobs
from sim.demand.traces.swf import read_swf
from sim.scenario.errors import InputError
from sim.scenario.nearest import nearest

__all__ = ["READERS", "RecordedJobs", "read_trace"]

READERS: dict[str, Reader] = {"csv": read_csv, "openb": read_openb, "swf": read_swf}


def read_trace(path: Path, form: str, columns: dict[str, str], where: dict[str, str]) -> RecordedJobs:
    """The usable jobs of a trace; `columns` maps our names to the file's, `where` keeps rows whose column holds the value.

    InputError for a file that is not there or not of that format, a column that is not, a filter that keeps nothing.
    """
    if form not in READERS:
        raise InputError.of(f"found {form!r}, which is no trace format; {nearest(form, list(READERS))}", key="format")
    return READERS[form](path, columns, where)
