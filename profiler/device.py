"""What device this is: its facts as the system tells them, and the name scenarios know it by. A fact nobody tells is absent, never 0."""

import os
import platform
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import torch

import sim
from profiler.child_environment import KEEPING
from sim.cost.calibration import Device, Software
from sim.scenario.errors import InputError

GPU_NAMES = (
    (r"NVIDIA H100 80GB HBM3", "h100-sxm"),
    (r"NVIDIA H200", "h200-sxm"),
    (r"NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"),
    (r"NVIDIA GeForce RTX 4090", "rtx-4090"),
    (r"NVIDIA GeForce RTX 5090", "rtx-5090"),
    (r"NVIDIA L40S", "l40s"),
    (r"NVIDIA B200", "b200-sxm"),
    (r"AMD Instinct MI300X( OAM)?", "mi300x"),
)
"""Names that CUDA gives, whole, and the ids of the same devices in datasheets: a laptop's, an NVL or a MIG slice is another device."""
DRIVER_FACTS = ("driver_version", "clocks.max.sm", "power.limit", "ecc.mode.current")
"""What torch does not tell, by nvidia-smi's names: MHz, W."""


CPU_INFO = Path("/proc/cpuinfo")
PLAIN = "DEFAULT"
"""What torch says where it uses no vector instructions beyond those that every CPU of its kind has."""


def choose(wanted: str) -> torch.device:
    """``auto``, ``cpu`` or ``cuda`` as a torch device; InputError where there is none."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError.of("no CUDA device answers here; use --device cpu, or check the driver and the torch build", key="--device")
    if wanted not in ("auto", "cpu", "cuda"):
        raise InputError.of(f"there is no device {wanted!r}; give auto, cpu or cuda", key="--device")
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
    """A CPU is known by its make, its generation, the instructions that torch's kernels use on it, and its cores: of four machines that
    call themselves "AMD EPYC" or "Intel Xeon Processor", one takes fifty times as long for bf16 as another, and two of the same
    instructions are of two generations."""
    facts = cpu_facts(CPU_INFO)
    name = facts.get("model name") or platform.processor() or platform.machine()
    make = re.match(r"(AMD EPYC|AMD Ryzen|Intel\(R\) Xeon|Intel\(R\) Core|Apple M\d+)", name)
    generation = cpu_generation(facts)
    vectors = [torch.backends.cpu.get_cpu_capability(), *(["AMX"] if "amx_tile" in facts.get("flags", "").split() else [])]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    frequency = psutil.cpu_freq()
    said, _, number = generation.partition(" ")
    known = [(make[1] if make else name).replace("(R)", ""), f"{said[:1]}{number}"]
    known += [*(part for part in vectors if part != PLAIN), f"{cores}c"]
    hidden = generation and not re.search(r"\d", name)
    return Device(
        id=_slug("-".join(known)),
        name=f"{name} ({generation}), {cores} cores" if hidden else f"{name}, {cores} cores",
        vendor=name.split()[0].replace("(R)", ""),
        kind="cpu",
        memory_bytes=memory_bytes(),
        compute_capability="+".join(vectors),
        cores=cores,
        clock_hz=frequency.max * 1e6 if frequency and frequency.max else None,
    )


def cpu_facts(info: Path) -> dict[str, str]:
    """What Linux's file says of the first processor; empty where there is no such file."""
    if not info.exists():
        return {}
    pairs = [line.partition(":") for line in info.read_text(encoding="utf-8").splitlines()]
    return {key.strip(): value.strip() for key, _, value in reversed(pairs)}  # the first processor's come last


def cpu_generation(facts: dict[str, str]) -> str:
    """``family 26`` or ``model 207``: the number by which a maker tells its generations apart, AMD by family and Intel, all of whose
    family is 6, by model; empty where the system tells neither."""
    key, said = ("model", "model") if facts.get("vendor_id") == "GenuineIntel" else ("cpu family", "family")
    return f"{said} {facts[key]}" if key in facts else ""


def memory_bytes() -> float:
    """Memory this process may have: the machine's, or its control group's limit where that is less."""
    total = float(psutil.virtual_memory().total)
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdigit():
        return min(total, float(text))
    return total


def _gpu() -> Device:
    facts = torch.cuda.get_device_properties(0)
    told = driver_facts(_nvidia_smi())
    known = next((name for pattern, name in GPU_NAMES if re.fullmatch(pattern, facts.name)), None)
    return Device(
        id=known or _slug(facts.name),
        name=facts.name,
        vendor="AMD" if torch.version.hip else "NVIDIA",
        kind="gpu",
        memory_bytes=float(facts.total_memory),
        compute_capability=f"{facts.major}.{facts.minor}",
        driver=told.get("driver_version"),
        clock_hz=_number(told.get("clocks.max.sm"), 1e6),
        power_limit_w=_number(told.get("power.limit"), 1.0),
        ecc={"Enabled": True, "Disabled": False}.get(told.get("ecc.mode.current", "")),
    )


def _nvidia_smi() -> str:
    """What the driver's own tool says of this process's first device; empty where there is no such tool or it fails."""
    which = str(torch.cuda.get_device_properties(0).uuid) if hasattr(torch.cuda.get_device_properties(0), "uuid") else ""
    command = ["nvidia-smi", f"--query-gpu={','.join(DRIVER_FACTS)}", "--format=csv,noheader,nounits"]
    if which:
        command.append(f"--id=GPU-{which.removeprefix('GPU-')}")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def driver_facts(answer: str) -> dict[str, str]:
    """The facts in a line of nvidia-smi, less those it does not know."""
    values = [value.strip() for value in answer.partition("\n")[0].split(",")]
    known = zip(DRIVER_FACTS, values, strict=False)
    return {fact: value for fact, value in known if value and not value.startswith("[")}


def _number(text: str | None, unit: float) -> float | None:
    try:
        return float(text) * unit if text else None
    except ValueError:
        return None


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@dataclass(frozen=True)
class Moment:
    """The machine's load and CPU clocks at one moment, seconds summed over its cores."""

    load: float
    busy_and_idle_s: float
    stolen_s: float

    @classmethod
    def now(cls) -> "Moment":
        times = psutil.cpu_times()
        return cls(os.getloadavg()[0], sum(times), getattr(times, "steal", 0.0))


def state_notes(device: torch.device, before: Moment, after: Moment) -> list[str]:
    """What may have disturbed a measurement between two moments."""
    load = f"load average {before.load:.2f} before and {after.load:.2f} after on {psutil.cpu_count()} cores"
    notes = [f"{load}, {torch.get_num_threads()} torch threads"]
    stolen = (after.stolen_s - before.stolen_s) / max(after.busy_and_idle_s - before.busy_and_idle_s, 1e-9)
    if stolen > 0:
        notes.append(f"{100 * stolen:.1f} % of CPU time was stolen by other guests meanwhile")
    if device.type == "cpu":
        kept = ", ".join(f"{name}={value}" for name, value in KEEPING.items())
        notes.append(f"processes kept freed memory ({kept}), as training on a CPU should")
    return notes


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
