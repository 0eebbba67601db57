"""Keep what a command found and say it and where it lies: the end of every command that runs plans."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.study.comparison import Study
    from sim.study.optimise import Optimised
    from sim.study.run import Run


def keep(result: "Run | Study | Optimised", options: argparse.Namespace) -> None:
    """Write the folder and print what it says."""
    from sim.report.saving import save

    show(save(result, options.out), options)


def show(folder: Path, options: argparse.Namespace) -> None:
    """Print what a finished folder says: as one JSON document, or as text and where the report lies."""
    from sim.report.reading import read_results
    from sim.report.terminal import console, print_results, print_where
    from sim.results.run_folder import REPORT

    results = read_results(folder)
    if options.json:
        print(json.dumps(results.model_dump(mode="json") | {"folder": str(folder)}, indent=1, allow_nan=False))
        return
    out = console()
    print_results(out, results)
    print_where(out, folder, folder / REPORT)
