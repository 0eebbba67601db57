"""``leadtime validate``: a real queue beside its simulation, or published figures beside predictions."""

import argparse
import json
from pathlib import Path
from typing import Any

from sim.cli.arguments import whole
from sim.cli.progress import progress


def add(commands: Any) -> None:
    validate = commands.add_parser("validate", help="run a real queue on this device and compare it with its simulation")
    validate.add_argument(
        "--calibration", type=Path, metavar="FILE", help="of this device (default: <device>.json here, else the shipped one)"
    )
    validate.add_argument("--jobs", type=whole(2), default=40, metavar="N", help="merges and training jobs in the queue (default 40)")
    validate.add_argument("--workers", type=whole(1), default=1, metavar="W", help="slots that run them side by side, on a CPU (default 1)")
    validate.add_argument("--order", choices=("fifo", "priority"), default="fifo", help="how the queue is served (default fifo)")
    validate.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of arrivals, sizes and priorities (default 0)")
    validate.add_argument("--out", type=Path, metavar="FILE", help="file to write (default: <calibration>.validation.json beside it)")
    validate.add_argument("--published", action="store_true", help="instead, print published figures against predictions; runs nothing")
    validate.add_argument("--json", action="store_true", help="print one JSON document")
    validate.set_defaults(command=_validate)


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
    from profiler.validate import at_speeds, device_here, pieces_for, run_real_queue
    from sim.cost.calibration import load_calibration
    from sim.cost.devices import calibration_file
    from sim.cost.validation import refuse_other_device, refuse_shared_gpu, validation_file, writable_file, write_validation

    file = options.calibration or calibration_file(device_here().id)
    calibration = load_calibration(file)
    refuse_other_device(calibration, device_here(calibration.device.kind))
    refuse_shared_gpu(calibration, options.workers)
    target = writable_file(options.out or validation_file(file))
    pieces = pieces_for(calibration)
    from sim.study.validation import compare_queue, draw_queue

    served: Any = {"slots": options.workers, "order": options.order}
    jobs = draw_queue(pieces, options.jobs, options.workers, options.seed)
    with progress("jobs") as step:
        real = run_real_queue(pieces, jobs, calibration, **served, progress=step)
    told: Any = {"date": real.date, "notes": real.notes, "speeds": real.speeds}
    slowed = at_speeds(pieces, calibration, real.speeds)
    validation = compare_queue(pieces, jobs, real.ran, calibration, **served, **told, seed=options.seed, pieces_at_speeds=slowed)
    write_validation(target, validation)
    if options.json:
        print(
            json.dumps(validation.model_dump(mode="json") | {"missed": validation.missed, "file": str(target)}, indent=1, allow_nan=False)
        )
        return 0
    from sim.report.terminal import console, print_validation

    print_validation(console(), validation, calibration, target)
    return 0
