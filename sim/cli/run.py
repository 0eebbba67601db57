"""``leadtime run``: simulate a scenario and keep its run folder."""

import argparse
import json
from pathlib import Path
from typing import Any

from sim.cli.arguments import add_override_flags, open_scenario, whole
from sim.cli.progress import progress

MISSED_TARGET = 1


def add(commands: Any) -> None:
    run = commands.add_parser("run", help="simulate a scenario, or every plan it compares, and keep a report")
    run.add_argument("scenario", metavar="SCENARIO")
    add_override_flags(run)
    run.add_argument("--workers", type=whole(1), metavar="N", help="processes (default: as many as pay)")
    run.add_argument("--out", type=Path, metavar="DIR", help="run folder to write (default: runs/<scenario>-<hash>)")
    run.add_argument("--json", action="store_true", help="print the summary as one JSON document")
    run.add_argument("--check", action="store_true", help="exit with 1 where a target was missed")
    run.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from sim.results.run_folder import refuse_folder

    document = open_scenario(options.scenario, options)
    if options.out is not None:
        refuse_folder(options.out, replace=False)
    from sim.report.saving import save
    from sim.report.terminal import console, print_comparison, print_summary, print_where
    from sim.results.run_folder import REPORT
    from sim.study.comparison import plan_documents, run_plans
    from sim.study.run import Run, run_plan

    plans = plan_documents(document)
    with progress("replications") as step:
        result = (
            run_plans(plans, workers=options.workers, progress=step)
            if plans
            else run_plan(document, workers=options.workers, progress=step)
        )
    folder = save(result, options.out)
    summaries = [result.summary] if isinstance(result, Run) else list(result.comparison.plans.values())
    if options.json:
        said = result.summary if isinstance(result, Run) else result.comparison
        print(json.dumps(said.model_dump(mode="json") | {"folder": str(folder)}, indent=1, allow_nan=False))
    else:
        out = console()
        if isinstance(result, Run):
            print_summary(out, result.summary)
        else:
            print_comparison(out, result.comparison)
        print_where(out, folder, folder / REPORT)
    missed = any(verdict.outcome == "missed" for summary in summaries for verdict in summary.verdicts)
    return MISSED_TARGET if options.check and missed else 0
