"""``leadtime sensitivity``: which inputs move the answer, and by how much."""

import argparse
from typing import TYPE_CHECKING, Any

from sim.cli.arguments import SCENARIO, add_override_flags, add_running_flags, open_varied, whole
from sim.cli.keeping import show
from sim.cli.running import resumable_study, running

if TYPE_CHECKING:
    from sim.scenario.document import Document


def add(commands: Any) -> None:
    parser = commands.add_parser("sensitivity", help="which inputs move the answer: a tornado, and a screening of all of them together")
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO)
    add_override_flags(parser, varied=True)
    parser.add_argument(
        "--figure", action="append", metavar="FIGURE", help="what is to move, may be repeated (default: wait.p95, cost.usd)"
    )
    parser.add_argument(
        "--within", metavar="SHARE", help="either side of rates, nodes, prices and dates, where no key is given (default: 20%%)"
    )
    parser.add_argument("--trajectories", type=whole(2), metavar="N", help="of Morris' screening (default: 8)")
    parser.add_argument("--sobol", type=whole(2), metavar="N", help="Sobol's indices instead, of N × (inputs + 2) plans; a power of two")
    add_running_flags(parser)
    parser.set_defaults(command=_sensitivity)


def _document(options: argparse.Namespace) -> "Document":
    document, over = open_varied(options.scenario, options)
    if over:
        document = document.override("study.sensitivity.over", over)
    given = {"figures": options.figure, "within": options.within, "trajectories": options.trajectories, "sobol": options.sobol}
    for key, value in given.items():
        if value is not None:
            document = document.override(f"study.sensitivity.{key}", value, place="--figure" if key == "figures" else f"--{key}")
    return document


def _sensitivity(options: argparse.Namespace) -> int:
    from sim.report.saving import save_sensitivity
    from sim.study.sensitivity import prepare_sensitivity

    plan = prepare_sensitivity(_document(options))
    with resumable_study(plan.folder_name, [plan.document], options) as store, running(options, store) as runner:
        folder, _ = save_sensitivity(plan, options.out, runner)
    show(folder, options)
    return 0
