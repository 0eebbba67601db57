"""``leadtime why``: why a job of a finished run waited."""

import argparse
import json
from pathlib import Path
from typing import Any

from sim.cli.arguments import whole


def add(commands: Any) -> None:
    why = commands.add_parser("why", help="tell why a job of a run waited, stretch by stretch")
    why.add_argument("folder", type=Path, metavar="RUN", help="a run folder; of a comparison or sweep, one under its plans/")
    why.add_argument("job", type=whole(0), metavar="JOB", help="the job's number, as in jobs.parquet (its first replication)")
    why.add_argument("--json", action="store_true", help="print the answer as one JSON document")
    why.set_defaults(command=_why)


def _why(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from sim.results.history import read_history
    from sim.results.run_folder import PLANS, read_summary
    from sim.results.why import why
    from sim.scenario.errors import InputError
    from sim.scenario.nearest import MOST_NAMED

    plans = sorted((options.folder / PLANS).glob("*"))
    if plans:
        names = ", ".join(repr(plan.name) for plan in plans[:MOST_NAMED])
        raise InputError.of(f"holds plans; give the folder of one, as in {str(plans[0])!r}; there are {names}", where=str(options.folder))
    read_summary(options.folder)
    try:
        answer = why(read_history(options.folder), options.job)
    except InputError as error:
        raise InputError.of(error.problems[0].message, where=error.problems[0].where or str(options.folder)) from None
    if options.json:
        print(json.dumps(asdict(answer), indent=1, allow_nan=False))
        return 0
    from sim.report.terminal import console, print_why

    print_why(console(), answer)
    return 0
