"""``leadtime report``: print a run folder again."""

import argparse
from pathlib import Path
from typing import Any


def add(commands: Any) -> None:
    report = commands.add_parser("report", help="print a run folder's results and render its HTML report anew")
    report.add_argument("folder", type=Path, metavar="RUN")
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from sim.report.saving import rewrite_report
    from sim.report.terminal import (
        console,
        print_comparison,
        print_optimisation,
        print_sensitivity,
        print_summary,
        print_sweep,
        print_where,
    )
    from sim.results.run_folder import OPTIMISATION, SENSITIVITY, STUDY, SWEEP, read_summary
    from sim.study.comparison import read_comparison
    from sim.study.optimisation import read_optimisation
    from sim.study.sensitivity import read_sensitivity
    from sim.study.sweep import read_sweep

    page = rewrite_report(options.folder)
    out = console()
    if (options.folder / STUDY).is_file():
        print_comparison(out, read_comparison(options.folder))
    elif (options.folder / SWEEP).is_file():
        print_sweep(out, read_sweep(options.folder))
    elif (options.folder / OPTIMISATION).is_file():
        print_optimisation(out, read_optimisation(options.folder))
    elif (options.folder / SENSITIVITY).is_file():
        print_sensitivity(out, read_sensitivity(options.folder))
    else:
        print_summary(out, read_summary(options.folder))
    print_where(out, options.folder, page)
    return 0
