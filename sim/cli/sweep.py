"""``leadtime sweep``: every plan of a grid or a sample, and which of them are worth a look."""

import argparse
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import SCENARIO, add_override_flags, add_running_flags, open_varied, whole
from sim.cli.keeping import show
from sim.cli.running import resumable_study, running

if TYPE_CHECKING:
    from sim.scenario.document import Document


def add(commands: Any) -> None:
    sweep = commands.add_parser("sweep", help="many plans: a table of all, and the front of cost against a wait")
    sweep.add_argument("scenario", metavar="SCENARIO", help=SCENARIO)
    add_override_flags(sweep, varied=True)
    sweep.add_argument("--points", type=whole(1), metavar="N", help="plans of a Latin hypercube, instead of every combination")
    sweep.add_argument("--target", default="wait.p95", metavar="FIGURE", help="what to keep low beside the cost (default: wait.p95)")
    add_running_flags(sweep)
    sweep.set_defaults(command=_sweep)


def _document(options: argparse.Namespace) -> "Document":
    document, over = open_varied(options.scenario, options)
    if over:  # what the flags say is the sweep, whatever the scenario sweeps
        document = document.override("study.sweep", over)
    if options.points is not None:
        document = document.override("study.sweep.sample", "latin-hypercube", place="--points")
        document = document.override("study.sweep.points", options.points, place="--points")
    return document


def _sweep(options: argparse.Namespace) -> int:
    from sim.report.saving import save_sweep
    from sim.study.sweep import prepare_sweep

    plans = prepare_sweep(_document(options), options.target)
    with resumable_study(plans.folder_name, [plans.document], options) as store, running(options, store) as runner:
        folder, _ = save_sweep(plans, options.out, runner)
    show(folder, options)
    return 0
