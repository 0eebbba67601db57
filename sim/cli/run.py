"""``leadtime run``: simulate a scenario and keep its run folder."""

import argparse
import sys
from typing import Any

from sim.cli.arguments import SCENARIO, add_override_flags, add_running_flags, open_scenario
from sim.cli.keeping import keep
from sim.cli.running import resumable_study, running

MISSED_TARGET = 1


def add(commands: Any) -> None:
    run = commands.add_parser("run", help="simulate a scenario, or every plan it compares, and keep a report")
    run.add_argument("scenario", metavar="SCENARIO", help=SCENARIO)
    add_override_flags(run)
    add_running_flags(run)
    run.add_argument("--check", action="store_true", help="exit with 1 where a target was missed for sure; says so where one is unsure")
    run.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from sim.study.comparison import plan_documents, run_plans, study_name
    from sim.study.preparation import prepare
    from sim.study.run import Run, run_name, run_plan

    document = open_scenario(options.scenario, options)
    plans = plan_documents(document)
    name = study_name([prepare(plan) for plan in plans.values()]) if plans else run_name(prepare(document))
    with resumable_study(name, plans.values() or [document], options) as store:
        with running(options, store) as runner:
            result = run_plans(plans, runner) if plans else run_plan(document, runner=runner)
        keep(result, options)
    summaries = [result.summary] if isinstance(result, Run) else list(result.comparison.plans.values())
    outcomes = [verdict.outcome for summary in summaries for verdict in summary.verdicts]
    if options.check and "unsure" in outcomes:
        unsure = f"{outcomes.count('unsure')} of {len(outcomes)} targets neither met nor missed for sure, which --check lets pass"
        print(f"leadtime: {unsure}; --replications with a larger number tells", file=sys.stderr)
    return MISSED_TARGET if options.check and "missed" in outcomes else 0
