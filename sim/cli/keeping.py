"""Keep what a command found and say where: the end of every command that runs plans."""

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.study.comparison import Study
    from sim.study.run import Run


def keep(result: "Run | Study", options: argparse.Namespace) -> None:
    """Write the folder and print the results, as text or as one JSON document."""
    from sim.report.saving import save
    from sim.report.terminal import console, print_comparison, print_summary, print_where
    from sim.results.run_folder import REPORT
    from sim.study.run import Run

    folder = save(result, options.out)
    if options.json:
        said = result.summary if isinstance(result, Run) else result.comparison
        print(json.dumps(said.model_dump(mode="json") | {"folder": str(folder)}, indent=1, allow_nan=False))
        return
    out = console()
    if isinstance(result, Run):
        print_summary(out, result.summary)
    else:
        print_comparison(out, result.comparison)
    print_where(out, folder, folder / REPORT)
