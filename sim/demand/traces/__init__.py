"""Readers of recorded jobs, one file each, found by the name used in ``format:``.

A new format is a reader here, its line below, and its name among those that a scenario takes.
"""

from pathlib import Path

from sim.demand.traces.csv_jobs import read_csv
from sim.demand.traces.openb import read_openb
from sim.demand.traces.recorded import Reader, RecordedJobs
from sim.demand.traces.swf import read_swf
from sim.scenario.workloads import TraceFormat

__all__ = ["READERS", "RecordedJobs", "read_trace"]

READERS: dict[TraceFormat, Reader] = {"csv": read_csv, "openb": read_openb, "swf": read_swf}


def read_trace(path: Path, form: TraceFormat, columns: dict[str, str], where: dict[str, str]) -> RecordedJobs:
    """The usable jobs of a trace; `columns` maps our names to the file's, `where` keeps rows whose column holds the value.

    InputError for a file that is not there or not of that format, a column that is not, a filter that keeps nothing.
    """
    return READERS[form](path, columns, where)
