"""``leadtime report``: print a run folder again."""

import argparse
from pathlib import Path
from typing import Any

from sim.cli.keeping import show


def add(commands: Any) -> None:
    report = commands.add_parser("report", help="print a run folder's results and render its HTML report anew")
    report.add_argument("folder", type=Path, metavar="RUN", help="a folder that 'leadtime run' or a study wrote")
    report.add_argument("--json", action="store_true", help="print the results as one JSON document")
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from sim.report.saving import rewrite_report

    rewrite_report(options.folder)
    show(options.folder, options)
    return 0
