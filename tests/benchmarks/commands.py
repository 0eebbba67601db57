"""How long whole commands take, as a user starts them."""

import subprocess
import sys
import tempfile
import time

from tests.benchmarks.turns import say


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for arguments, target in ((["--help"], "< 0.3"), (["run", "second-source"], "< 10")):
            times = []
            for _ in range(3):
                began = time.perf_counter()
                subprocess.run([sys.executable, "-m", "sim.cli", *arguments], cwd=folder, check=True, capture_output=True)
                times.append(time.perf_counter() - began)
            say(f"leadtime {' '.join(arguments)}, median of 3", sorted(times)[1], target, " s")
