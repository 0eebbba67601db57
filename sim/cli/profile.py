"""``leadtime profile``: measure the device here."""

import argparse
import sys
from pathlib import Path
from typing import Any

from sim.cli.progress import progress


def add(commands: Any) -> None:
    profile = commands.add_parser("profile", help="measure this machine's device and write its calibration")
    profile.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="what to measure (auto: a CUDA device where one answers, else the CPU)",
    )
    depth = profile.add_mutually_exclusive_group()
    depth.add_argument("--quick", action="store_true", help="about a minute (default)")
    depth.add_argument("--full", action="store_true", help="up to ten minutes: more families and shapes")
    profile.add_argument("--out", type=Path, metavar="FILE", help="calibration file to write (default: <device>.json)")
    profile.add_argument("--list", action="store_true", help="show every probe, what it measures and what it costs, and measure nothing")
    profile.set_defaults(command=_profile)


def _profile(options: argparse.Namespace) -> int:
    if options.list:
        return _list(options.device)
    from profiler.profile import profile

    with progress("measuring") as step:
        calibration, path = profile(options.device, quick=not options.full, out=options.out, progress=step, say=_say)
    from sim.report.terminal import console, print_calibration

    print_calibration(console(), calibration, path)
    return 0


def _list(device: str) -> int:
    from profiler.listing import listed_probes
    from sim.report.probe_lines import probe_lines

    print("\n".join(probe_lines(listed_probes(device))))
    return 0


def _say(line: str) -> None:
    print(f"leadtime: {line}", file=sys.stderr)
