"""What a finished folder says, whichever command wrote it: the one place that tells a run from the kinds of study."""

from datetime import datetime
from pathlib import Path

from pyarrow import ArrowException, parquet

from sim.results.run_folder import OPTIMISATION, PLANS, SENSITIVITY, SWEEP, read_summary
from sim.results.summary import Summary
from sim.study import optimisation, sweep
from sim.study.comparison import Comparison, read_comparison
from sim.study.optimisation import Optimisation, read_optimisation
from sim.study.sensitivity import Sensitivity, read_sensitivity
from sim.study.sweep import Sweep, read_sweep

Results = Summary | Comparison | Sweep | Optimisation | Sensitivity


def read_results(folder: Path) -> Results:
    """The results of a run or study folder; InputError where it is neither."""
    if (folder / SWEEP).is_file():
        return read_sweep(folder)
    if (folder / OPTIMISATION).is_file():
        return read_optimisation(folder)
    if (folder / SENSITIVITY).is_file():
        return read_sensitivity(folder)
    if (folder / PLANS).is_dir():
        return read_comparison(folder)
    return read_summary(folder)


def described(folder: Path) -> str:
    """A folder's name, what it holds, how many plans and since when, from no more of it than a list of many folders can afford to read."""
    if (folder / SWEEP).is_file():
        kind = f"sweep{_rows(folder / f'{sweep.TABLE}.parquet')}"
    elif (folder / OPTIMISATION).is_file():
        kind = f"optimisation{_rows(folder / f'{optimisation.TABLE}.parquet')}"
    elif (folder / SENSITIVITY).is_file():
        kind = "sensitivity"
    elif (folder / PLANS).is_dir():
        kind = f"comparison, {len(list((folder / PLANS).iterdir()))} plans"
    else:
        kind = "run"
    return f"{folder.name}: {kind}, {datetime.fromtimestamp(folder.stat().st_mtime):%Y-%m-%d %H:%M}"


def _rows(table: Path) -> str:
    try:
        return f", {parquet.read_metadata(table).num_rows:,} plans"
    except (OSError, ArrowException):
        return ""
