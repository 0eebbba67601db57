"""What device this is: its facts as the system tells them, and the name scenarios know it by. A fact nobody tells is absent, never 0."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import psutil
import torch

import sim
from sim.cost.calibration import Device, Software
from sim.scenario.errors import InputError

GPU_NAMES = (
    (r"H100.*(HBM3|SXM)", "h100-sxm"),
    (r"H200", "h200-sxm"),
    (r"A100.*SXM.*80", "a100-sxm-80gb"),
    (r"RTX 4090", "rtx-4090"),
)
"""Names that CUDA gives, and the ids of the same devices in datasheets."""


def choose(wanted: str) -> torch.device:
    """``auto``, ``cpu`` or ``cuda`` as a torch device; InputError where there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError.of("no CUDA device answers here; use --device cpu, or check the driver and the torch build", key="--device")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def describe(device: torch.device) -> tuple[Device, Software]:
    """The device and the software it was measured with."""
    facts = _gpu() if device.type == "cuda" else _cpu()
    software = Software(
        profiler=sim.__version__,
        torch=torch.__version__,
        cuda=torch.version.cuda,
        os=platform.platform(terse=True),
        python=platform.python_version(),
    )
    return facts, software


def _cpu() -> Device:
    name = _cpu_name()
    family = re.match(r"(AMD EPYC|AMD Ryzen|Intel\(R\) Xeon|Intel\(R\) Core|Apple M\d+)", name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    frequency = psutil.cpu_freq()
    return Device(
        id=f"{_slug((family[1] if family else name).replace('(R)', ''))}-{cores}c",
        name=f"{name}, {cores} cores",
        vendor=name.split()[0].replace("(R)", ""),
        kind="cpu",
        memory_bytes=_memory_bytes(),
        cores=cores,
        clock_hz=frequency.max * 1e6 if frequency and frequency.max else None,
    )


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> float:
    """Memory this process may have: the machine's, or its control group's limit where that is less."""
    total = float(psutil.virtual_memory().total)
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdigit():
        return min(total, float(text))
    return total


def _gpu() -> Device:
    facts = torch.cuda.get_device_properties(0)
    known = next((name for pattern, name in GPU_NAMES if re.search(pattern, facts.name)), None)
    return Device(
        id=known or _slug(facts.name),
        name=facts.name,
        vendor="AMD" if torch.version.hip else "NVIDIA",
        kind="gpu",
        memory_bytes=float(facts.total_memory),
        compute_capability=f"{facts.major}.{facts.minor}",
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def state_notes(device: torch.device) -> list[str]:
    """What may disturb a measurement, as it is now."""
    one, _, _ = os.getloadavg()
    notes = [f"load average {one:.2f} on {psutil.cpu_count()} cores, {torch.get_num_threads()} torch threads"]
    steal = getattr(psutil.cpu_times_percent(interval=0.2), "steal", 0.0)
    if steal:
        notes.append(f"{steal:.1f} % of CPU time stolen by other guests")
    if device.type == "cpu" and torch.backends.cpu.get_cpu_capability():
        notes.append(f"torch CPU capability {torch.backends.cpu.get_cpu_capability()}")
    return notes


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
