"""``leadtime dashboard``: runs and trade-offs in the browser."""

import argparse
from pathlib import Path
from typing import Any

from sim.cli.arguments import whole


def add(commands: Any) -> None:
    dashboard = commands.add_parser("dashboard", help="explore runs and trade-offs in the browser")
    dashboard.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="run folders to show (default: those under runs/)")
    dashboard.add_argument("--port", type=whole(1), default=8501, metavar="N", help="of this machine, to serve on (default 8501)")
    dashboard.add_argument("--headless", action="store_true", help="do not open a browser")
    dashboard.set_defaults(command=_dashboard)


def _dashboard(options: argparse.Namespace) -> int:
    from dashboard.launch import launch

    code: int = launch(options.runs, port=options.port, headless=options.headless)
    return code
