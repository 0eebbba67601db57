"""Start the dashboard in a process of its own: ``leadtime dashboard`` calls this and waits for it."""

import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from sim.results.run_folder import is_run
from sim.scenario.errors import InputError, Problem

APP = Path(__file__).with_name("app.py")


def launch(runs: list[Path], *, port: int, headless: bool) -> int:
    """Serve the dashboard on this machine only, until it is stopped; returns its exit code, 0 after Ctrl-C.

    InputError where streamlit is missing, the port is none, or one of `runs` is no run or study folder.
    """
    if find_spec("streamlit") is None:
        raise InputError.of("the dashboard needs streamlit; install leadtime[dashboard], as in: pip install 'leadtime[dashboard]'")
    problems = [Problem("is no run folder; give one that 'leadtime run' wrote", str(run)) for run in runs if not is_run(run)]
    if port > 65535:
        problems.append(Problem(f"found {port}; a port from 1 to 65535 would do", "--port"))
    if problems:
        raise InputError(problems)
    with subprocess.Popen(_command(runs, port=port, headless=headless)) as server:
        before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            return server.wait()
        except KeyboardInterrupt:
            server.terminate()
            return 0
        finally:
            signal.signal(signal.SIGTERM, before)


def _command(runs: list[Path], *, port: int, headless: bool) -> list[str]:
    settings = {
        "server.address": "localhost",
        "server.port": str(port),
        "server.headless": str(headless).lower(),
        "server.fileWatcherType": "none",
        "server.showEmailPrompt": "false",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
    }
    flags = [part for key, value in settings.items() for part in (f"--{key}", value)]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags, "--", *(str(run.resolve()) for run in runs)]
