"""Collectives run between real processes and give what they are for; their bytes are those that cross a link in a ring."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler.probes import all_probes  # noqa: E402
from profiler.probes.collectives import MIB  # noqa: E402
from profiler.profile import _linked  # noqa: E402
from sim.cost.calibration import Device  # noqa: E402
from sim.cost.fit import Fit  # noqa: E402

ALONE = """
from profiler.process_group import group_here, members
if __name__ == "__main__":
    import torch.distributed as dist
    group = group_here("cpu")
    for collective in ("all-reduce", "all-gather", "reduce-scatter"):
        for size in (4096, 65536):
            call = group.call(collective, size)
            call()
            call()
    print(members("cpu"), dist.get_world_size(), dist.get_backend(), flush=True)
    group.close()
"""


def test_every_collective_runs_between_two_processes_and_leaves_none_behind(tmp_path: Path) -> None:
    """In a process of its own, as the profiler measures: a helper that outlived it would keep its output open and hang this test."""
    script = tmp_path / "alone.py"
    script.write_text(ALONE, encoding="utf-8")
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "2", "gloo"]


@pytest.mark.parametrize(("name", "crossings"), [("all-reduce", 1.0), ("all-gather", 0.5), ("reduce-scatter", 0.5)])
def test_bytes_are_those_over_one_link_of_a_ring(name: str, crossings: float) -> None:
    """Holds Patarasuk & Yuan (2009): 2(g−1)/g of the bytes for an all-reduce, (g−1)/g for the others; two processes here."""
    (shape, *_) = all_probes()[name].shapes(torch.device("cpu"), quick=False)
    assert shape == {"bytes": MIB, "devices": 2}
    assert all_probes()[name].counts(shape) == (crossings * MIB, 0.0)


def test_gpus_are_linked_as_fast_as_their_all_reduce() -> None:
    device = Device(id="x", name="x", vendor="x", kind="gpu", memory_bytes=1e9)
    fit = Fit(family="all-reduce", bytes_per_s=4e11, error_median=0.1, error_p95=0.2)
    assert _linked(device, {"all-reduce": fit}).intra_node_bytes_per_s == 4e11
    assert _linked(device, {}) == device
    cpu = device.model_copy(update={"kind": "cpu"})
    assert _linked(cpu, {"all-reduce": fit}) == cpu
