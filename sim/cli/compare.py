"""``leadtime compare``: two scenarios or more, or the plans of one, on the same random numbers."""

import argparse
from typing import Any

from sim.cli.arguments import add_override_flags, add_running_flags, open_scenario
from sim.cli.keeping import keep
from sim.cli.running import resumable_study, running


def add(commands: Any) -> None:
    compare = commands.add_parser("compare", help="plans against the first of them: differences with intervals, and a verdict for each")
    compare.add_argument("scenarios", metavar="SCENARIO", nargs="+", help="two or more, or one whose study compares plans")
    compare.add_argument("--earlier", action="append", metavar="SPAN", help="of one scenario: each delivery earlier by this, as in '1 w'")
    add_override_flags(compare)
    add_running_flags(compare)
    compare.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> int:
    from sim.scenario.errors import InputError
    from sim.study.comparison import run_plans, scenario_documents, study_name
    from sim.study.earlier import earlier_documents
    from sim.study.preparation import prepare

    opened = [open_scenario(scenario, options) for scenario in options.scenarios]
    if options.earlier and len(opened) > 1:
        raise InputError.of("takes one scenario, whose deliveries come earlier; name one", where="--earlier")
    documents = earlier_documents(opened[0], options.earlier) if options.earlier else scenario_documents(opened)
    name = study_name([prepare(document) for document in documents.values()])
    with resumable_study(name, documents.values(), options) as store:
        with running(options, store) as runner:
            study = run_plans(documents, runner)
        keep(study, options)
    return 0
