"""What a finished folder says, whichever command wrote it: the one place that tells a run from the kinds of study."""

from pathlib import Path

from sim.results.run_folder import OPTIMISATION, PLANS, SENSITIVITY, SWEEP, read_summary
from sim.results.summary import Summary
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
