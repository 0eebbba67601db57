"""The ``leadtime`` command: parse, call, print. Rooms are imported when their command is called, so that ``--help`` answers at once."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim import __version__
from sim.scenario.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.scenario.document import Document

WRONG_INPUT, MISSED_TARGET = 2, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 a target was missed under ``--check``, 2 the input is wrong."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options))
    except InputError as error:
        for problem in error.problems:
            print(f"leadtime: {problem}", file=sys.stderr)
        return WRONG_INPUT
    except BrokenPipeError:  # the reader of a pipe had enough
        sys.stderr.close()
        return 0
    except KeyboardInterrupt as stop:
        print(f"leadtime: {stop or 'stopped; nothing was written'}", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="leadtime",
        description="How long will AI work wait for compute, what will it cost, and what should change?",
        epilog="SCENARIO is a YAML file or the name of a shipped scenario ('leadtime scenarios' lists them).",
    )
    parser.add_argument("--version", action="version", version=f"leadtime {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="simulate a scenario, or every plan it compares, and keep a report")
    run.add_argument("scenario", metavar="SCENARIO")
    run.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], dest="sets", help="replace a key, as in horizon='30 d'")
    run.add_argument("--seed", type=_whole(0), metavar="N", help="of every random stream")
    run.add_argument("--replications", type=_whole(1), metavar="N", help="independent repetitions, for the intervals")
    run.add_argument("--workers", type=_whole(1), metavar="N", help="processes (default: as many as pay)")
    run.add_argument("--out", type=Path, metavar="DIR", help="run folder to write (default: runs/<scenario>-<hash>)")
    run.add_argument("--json", action="store_true", help="print the summary as one JSON document")
    run.add_argument("--check", action="store_true", help="exit with 1 where a target was missed")
    run.set_defaults(command=_run)

    scenarios = commands.add_parser("scenarios", help="list the shipped scenarios and the questions they answer")
    scenarios.set_defaults(command=_scenarios)
    schema = commands.add_parser("schema", help="print the JSON Schema of a scenario file, for editors")
    schema.set_defaults(command=_schema)

    report = commands.add_parser("report", help="print a run folder's results and render its HTML report anew")
    report.add_argument("folder", type=Path, metavar="RUN")
    report.set_defaults(command=_report)

    profile = commands.add_parser("profile", help="measure this machine's device and write its calibration")
    profile.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    depth = profile.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_true", help="about a minute (default)")
    depth.add_argument("--full", action="store_true", help="up to ten minutes: more shapes, more processes")
    profile.add_argument("--out", type=Path, metavar="FILE", help="calibration file to write (default: <device>.json)")
    profile.set_defaults(command=_profile)

    _add_estimate(commands)
    validate = commands.add_parser("validate", help="run a real queue on this device and compare it with its simulation")
    validate.add_argument(
        "--calibration", type=Path, metavar="FILE", help="of this device (default: <device>.json here, else the shipped one)"
    )
    validate.add_argument("--jobs", type=_whole(2), default=40, metavar="N", help="merges and training jobs in the queue (default 40)")
    validate.add_argument("--workers", type=_whole(1), default=1, metavar="W", help="slots that run them side by side (default 1)")
    validate.add_argument("--order", choices=("fifo", "priority"), default="fifo", help="how the queue is served (default fifo)")
    validate.add_argument("--seed", type=_whole(0), default=0, metavar="N", help="of arrivals, sizes and priorities (default 0)")
    validate.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: <calibration>.validation.json beside it)")
    validate.add_argument("--published", action="store_true", help="instead, print published figures against predictions; runs nothing")
    validate.add_argument("--json", action="store_true", help="print one JSON document")
    validate.set_defaults(command=_validate)

    dashboard = commands.add_parser("dashboard", help="explore runs and trade-offs in the browser")
    dashboard.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="run folders to show (default: those under runs/)")
    dashboard.add_argument("--port", type=_whole(1), default=8501, metavar="N")
    dashboard.add_argument("--headless", action="store_true", help="do not open a browser")
    dashboard.set_defaults(command=_dashboard)
    return parser


PRECISIONS = "bf16 (default), int8-mixed, fp32"
ESTIMATE_FLAGS = {
    "merge": {
        "experts": "models merged (default 2)",
        "method": "linear (default), slerp, task-arithmetic, ties, dare-ties",
        "source": "where they lie: storage (default), host, device",
    },
    "training": {
        "tokens": "trained on in all, as in 300M",
        "precision": PRECISIONS,
        "sequence": "tokens in a sequence (default 4096)",
        "tokens-per-gpu": "between two optimiser steps (default 16384)",
        "checkpoint": "time between two, as in '30 min' (default: none is written)",
    },
    "evaluation": {
        "tokens": "scored in all, as in 300M",
        "images": "looked at in all (default: none)",
        "precision": PRECISIONS,
        "sequence": "tokens in a sequence (default 4096)",
    },
}
"""Flags by kind of job, named like the scenario's keys; what they may hold is checked by the scenario's own words."""
SETTING_FLAGS = {
    "price": "of a GPU-hour, as in '2.49 USD/GPU/h' (default: a dated list price)",
    "gpus-per-node": "GPUs in a node (default 8)",
    "intra-node": "network inside a node, as in '450 GB/s' (default: the device's)",
    "inter-node": "network between nodes, as in '50 GB/s' (default: the device's)",
}


def _add_estimate(commands: Any) -> None:
    estimate = commands.add_parser("estimate", help="one job's time, memory, energy and price on each device, with ranges")
    kinds = estimate.add_subparsers(title="kinds of job", metavar="KIND", required=True)
    for kind, flags in ESTIMATE_FLAGS.items():
        parser = kinds.add_parser(kind, help=f"one {kind} job")
        shared = {"model": "as in scenarios, as in llama-3.1-8b", "gpus": "GPUs it runs on (default 1)"}
        for flag, says in (shared | flags | SETTING_FLAGS).items():
            parser.add_argument(f"--{flag}", metavar="…", help=says, required=flag in ("model", "tokens"))
        parser.add_argument("--devices", metavar="A,B", help="devices to ask about (default: all known, or the calibration's own)")
        parser.add_argument("--calibration", type=Path, metavar="FILE", help="a calibration of your own, as 'leadtime profile' writes it")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.set_defaults(command=_estimate, kind=kind)


def _whole(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"found {text!r}; a whole number, {least} or more, would do")
        return int(text)

    return parse


def _open(options: argparse.Namespace) -> "Document":
    from sim.scenario.document import parse_set
    from sim.scenario.loading import open_document

    document = open_document(options.scenario)
    for name in ("seed", "replications"):
        if getattr(options, name) is not None:
            document = document.override(name, getattr(options, name), place=f"--{name}")
    for argument in options.sets:
        key, value = parse_set(argument)
        document = document.override(key, value)
    return document


def _run(options: argparse.Namespace) -> int:
    from sim.results.run_folder import refuse_folder

    document = _open(options)
    if options.out is not None:
        refuse_folder(options.out, replace=False)
    from sim.report.saving import save
    from sim.report.terminal import console, print_comparison, print_summary, print_where
    from sim.results.run_folder import REPORT
    from sim.study.comparison import plan_documents, run_plans
    from sim.study.run import Run, run_plan

    plans = plan_documents(document)
    with _progress("replications") as step:
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


@contextmanager
def _progress(what: str) -> "Iterator[Callable[[int, int], None] | None]":
    """A progress bar on a terminal, nothing on a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns: Any = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _scenarios(_: argparse.Namespace) -> int:
    from sim.scenario.document import read_document
    from sim.scenario.loading import shipped_scenarios

    shipped = shipped_scenarios()
    width = max(map(len, shipped))
    for name, path in shipped.items():
        print(f"{name:{width}}  {read_document(path, shipped=shipped).question}")
    return 0


def _schema(_: argparse.Namespace) -> int:
    from sim.scenario.loading import scenario_schema

    print(json.dumps(scenario_schema(), indent=1))
    return 0


def _report(options: argparse.Namespace) -> int:
    from sim.report.saving import rewrite_report
    from sim.report.terminal import console, print_comparison, print_summary, print_where
    from sim.results.run_folder import STUDY, read_summary
    from sim.study.comparison import read_comparison

    page = rewrite_report(options.folder)
    out = console()
    if (options.folder / STUDY).is_file():
        print_comparison(out, read_comparison(options.folder))
    else:
        print_summary(out, read_summary(options.folder))
    print_where(out, options.folder, page)
    return 0


def _profile(options: argparse.Namespace) -> int:
    from profiler.profile import profile

    with _progress("measuring") as step:
        calibration, path = profile(options.device, quick=not options.full, out=options.out, progress=step, say=_say)
    from sim.report.terminal import console, print_calibration

    print_calibration(console(), calibration, path)
    return 0


def _say(line: str) -> None:
    print(f"leadtime: {line}", file=sys.stderr)


def _estimate(options: argparse.Namespace) -> int:
    from sim.cost.devices import compared_calibrations, own_file, validations_for
    from sim.cost.estimate import estimate
    from sim.scenario.one_job import read_job, read_setting

    def given(names: Sequence[str]) -> dict[str, str]:
        values = {name: getattr(options, name.replace("-", "_")) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    work = read_job(options.kind, given(["model", "gpus", *ESTIMATE_FLAGS[options.kind]]))
    setting = read_setting(given(list(SETTING_FLAGS)))
    calibrations = compared_calibrations(options.devices.split(",") if options.devices else None, options.calibration)
    estimates = [estimate(work, setting, calibration) for calibration in calibrations]
    if options.json:
        said = {"job": work.model_dump(mode="json", by_alias=True, exclude={"arrivals"}), "estimates": [one.said() for one in estimates]}
        print(json.dumps(said, indent=1, allow_nan=False))
        return 0
    from sim.report.terminal import console, print_estimates

    by_device = {one.device.id: one for one in calibrations}
    found = {device: one.in_short for device, one in validations_for(by_device, own_file(options.calibration)).items()}
    print_estimates(console(), work, estimates, found)
    return 0


def _published(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from sim.cost.devices import shipped_calibration
    from sim.cost.published import devices, facts

    known = facts()
    if options.json:
        print(json.dumps([asdict(fact) | {"ratio": fact.ratio} for fact in known], indent=1, allow_nan=False))
        return 0
    from sim.report.terminal import console, print_published

    print_published(console(), known, [shipped_calibration(device) for device in devices()])
    return 0


def _validate(options: argparse.Namespace) -> int:
    if options.published:
        return _published(options)
    from profiler.validate import device_here, pieces_for, run_real_queue
    from sim.cost.calibration import load_calibration
    from sim.cost.devices import calibration_file
    from sim.cost.validation import refuse_other_device, validation_file, writable_file, write_validation

    file = options.calibration or calibration_file(device_here().id)
    calibration = load_calibration(file)
    refuse_other_device(calibration, device_here(calibration.device.kind))
    target = writable_file(options.out or validation_file(file))
    pieces = pieces_for(calibration)
    from sim.study.validation import compare_queue, draw_queue

    served: Any = {"slots": options.workers, "order": options.order}
    jobs = draw_queue(pieces, options.jobs, options.workers, options.seed)
    with _progress("jobs") as step:
        real = run_real_queue(pieces, jobs, calibration, **served, progress=step)
    validation = compare_queue(pieces, jobs, real.ran, calibration, **served, seed=options.seed, date=real.date, notes=real.notes)
    write_validation(target, validation)
    if options.json:
        print(
            json.dumps(validation.model_dump(mode="json") | {"missed": validation.missed, "file": str(target)}, indent=1, allow_nan=False)
        )
        return 0
    from sim.report.terminal import console, print_validation

    print_validation(console(), validation, calibration, target)
    return 0


def _dashboard(options: argparse.Namespace) -> int:
    from dashboard.launch import launch

    code: int = launch(options.runs, port=options.port, headless=options.headless)
    return code


if __name__ == "__main__":
    sys.exit(main())
