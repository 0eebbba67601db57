"""``leadtime estimate``: one job, or a model served, on each device."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    "serving": {
        "prompt": "tokens of a prompt (default 800)",
        "output": "tokens of an answer (default 220)",
        "tpot": "longest time for each further token, as in '60 ms' (default: as memory allows)",
        "rate": "requests that come, as in 6/s (default: what one replica answers)",
    },
}
"""Flags by kind of job, named like the scenario's keys; what they may hold is checked by the scenario's own words."""
SETTING_FLAGS = {
    "price": "of a GPU-hour, as in '2.49 USD/GPU/h' (default: a dated list price)",
    "gpus-per-node": "GPUs in a node (default 8)",
    "intra-node": "network inside a node, as in '450 GB/s' (default: the device's)",
    "inter-node": "network between nodes, as in '50 GB/s' (default: the device's)",
}


def add(commands: Any) -> None:
    says = "a job's time, memory, energy and price on each device, or a served model's, with ranges"
    estimate = commands.add_parser("estimate", help=says)
    kinds = estimate.add_subparsers(title="kinds of job", metavar="KIND", required=True)
    for kind, flags in ESTIMATE_FLAGS.items():
        parser = kinds.add_parser(kind, help="a model that answers requests" if kind == "serving" else f"one {kind} job")
        runs_on = "GPUs a replica is shared out over" if kind == "serving" else "GPUs it runs on"
        shared = {"model": "as in scenarios, as in llama-3.1-8b", "gpus": f"{runs_on} (default 1)"}
        for flag, says in (shared | flags | SETTING_FLAGS).items():
            parser.add_argument(f"--{flag}", metavar="…", help=says, required=flag in ("model", "tokens"))
        parser.add_argument("--devices", metavar="A,B", help="devices to ask about (default: all known, or the calibration's own)")
        parser.add_argument("--calibration", type=Path, metavar="FILE", help="a calibration of your own, as 'leadtime profile' writes it")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.set_defaults(command=_estimate, kind=kind)


def _estimate(options: argparse.Namespace) -> int:
    from sim.cost.devices import compared_calibrations, own_file, validations_for
    from sim.cost.estimate import estimate
    from sim.cost.serving_estimate import estimate_serving
    from sim.scenario.one_job import read_job, read_serving, read_setting

    def given(names: Sequence[str]) -> dict[str, str]:
        values = {name: getattr(options, name.replace("-", "_")) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    flags, setting = given(["model", "gpus", *ESTIMATE_FLAGS[options.kind]]), read_setting(given(list(SETTING_FLAGS)))
    calibrations = compared_calibrations(options.devices.split(",") if options.devices else None, options.calibration)
    if options.kind == "serving":
        served = read_serving(flags)
        answers = [estimate_serving(served, setting, calibration) for calibration in calibrations]
        if options.json:
            return _say_json({"serving": served.model_dump(mode="json", by_alias=True), "estimates": [one.said() for one in answers]})
        from sim.report.terminal import console, print_serving

        print_serving(console(), served, answers)
        return 0
    work = read_job(options.kind, flags)
    estimates = [estimate(work, setting, calibration) for calibration in calibrations]
    if options.json:
        job = work.model_dump(mode="json", by_alias=True, exclude={"arrivals"})
        return _say_json({"job": job, "estimates": [one.said() for one in estimates]})
    from sim.report.terminal import console, print_estimates

    by_device = {one.device.id: one for one in calibrations}
    found = {device: one.in_short for device, one in validations_for(by_device, own_file(options.calibration)).items()}
    print_estimates(console(), work, estimates, found)
    return 0


def _say_json(said: dict[str, Any]) -> int:
    print(json.dumps(said, indent=1, allow_nan=False))
    return 0
