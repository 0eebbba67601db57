"""``leadtime optimise``: the cheapest plan that meets every target, with its reasons."""

import argparse
from typing import Any

from sim.cli.arguments import SCENARIO, add_override_flags, add_running_flags, open_varied, whole
from sim.cli.keeping import keep
from sim.cli.running import resumable_study, running

NO_PLAN = 1


def add(commands: Any) -> None:
    optimise = commands.add_parser("optimise", help="the cheapest plan that meets every target, and why")
    optimise.add_argument("scenario", metavar="SCENARIO", help=SCENARIO)
    add_override_flags(optimise, varied=True)
    optimise.add_argument("--trials", type=whole(1), metavar="N", help="plans simulated in the search, at most about (default: 100)")
    optimise.add_argument("--confirm", type=whole(2), metavar="N", help="fresh replications of the best (default: 20)")
    optimise.add_argument("--check", action="store_true", help="exit with 1 where no plan meets the targets")
    add_running_flags(optimise)
    optimise.set_defaults(command=_optimise)


def _optimise(options: argparse.Namespace) -> int:
    from sim.study.optimise import optimise, prepare_optimisation
    from sim.study.preparation import prepare
    from sim.study.run import run_name

    document, over = open_varied(options.scenario, options)
    if over:  # what the flags say is what is varied, whatever the scenario varies
        document = document.override("study.optimise.over", over)
    for name in ("trials", "confirm"):
        if getattr(options, name) is not None:
            document = document.override(f"study.optimise.{name}", getattr(options, name), place=f"--{name}")
    problem = prepare_optimisation(document)
    with resumable_study(run_name(prepare(problem.document)), [problem.document], options) as store:
        with running(options, store) as runner:
            result = optimise(problem, runner)
        keep(result, options)
    return NO_PLAN if options.check and result.optimisation.chosen is None else 0
