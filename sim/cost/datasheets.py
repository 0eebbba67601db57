"""Devices nobody here has measured: published peaks, stated efficiencies, and an error wide enough to say so.

A peak is a promise; a kernel keeps part of it. The efficiencies below are assumptions, the same for every device, and stand
in one place. Everything that rests on such a calibration is marked `extrapolated`, and its spread enters every interval.
"""

from dataclasses import dataclass

from sim.cost.calibration import Calibration, Device, Software
from sim.cost.fit import Fit

MATMUL_EFFICIENCY = 0.72
"""Share of the dense peak that a large square product reaches (cuBLAS bf16 on an H100: 0.65 to 0.8)."""
INT8_EFFICIENCY = 0.60
"""INT8 reaches a smaller share: 479 of 838 dense TOPS on an RTX 5090 held to 400 W is 0.57 (gau-nernst/quantized-training)."""
MEMORY_EFFICIENCY = 0.85
"""Share of the memory's peak bandwidth that a long copy reaches."""
HALF_SIZE = 96.0
"""Rows, columns or depth at which a product runs at half its rate: most of a 128-wide tile is then empty."""
LAUNCH_S = 5e-6
"""A kernel launch."""
STORAGE_READ, STORAGE_WRITE = 6e9, 3e9
"""Bytes/s of a node's NVMe storage: assumption, of the order of one PCIe 4.0 drive."""
ERROR_MEDIAN, ERROR_P95 = 0.3, 0.9
"""Stated uncertainty of all of the above, as relative error. Wide because published steps of Llama 3 8B on H100s take 1.3 to 1.9 times what
these figures say, and a published 1B model trains 1.4 to 1.8 times faster on an RTX 4090 (`leadtime validate --published` prints them)."""
FURTHER_OFF = (1.0, 2.0)
"""The same of devices whose only published step is further off: it takes 2.9 times what these figures say on B200s and
2.6 times on MI300Xs."""


@dataclass(frozen=True)
class Datasheet:
    """Dense peaks in FLOP/s, bandwidths in bytes/s and one direction; `source` is where the vendor says so."""

    id: str
    name: str
    memory_bytes: float
    fp32: float
    bf16: float
    int8: float
    memory_bandwidth: float
    host_bandwidth: float
    intra_node: float
    inter_node: float
    power_w: float
    compute_capability: str
    source: str
    vendor: str = "NVIDIA"
    errors: tuple[float, float] = (ERROR_MEDIAN, ERROR_P95)


DATASHEETS = {
    sheet.id: sheet
    for sheet in (
        Datasheet(
            "h100-sxm", "NVIDIA H100 SXM5 80GB", 80e9, 67e12, 989.4e12, 1978.9e12, 3.35e12, 64e9, 450e9, 50e9, 700, "9.0",
            "NVIDIA H100 datasheet (dense); NVLink 4; one 400 Gb/s port a GPU as in DGX H100",
        ),
        Datasheet(
            "h200-sxm", "NVIDIA H200 SXM 141GB", 141e9, 67e12, 989.4e12, 1978.9e12, 4.8e12, 64e9, 450e9, 50e9, 700, "9.0",
            "NVIDIA H200 datasheet (dense); NVLink 4; one 400 Gb/s port a GPU as in DGX H200",
        ),
        Datasheet(
            "a100-sxm-80gb", "NVIDIA A100 SXM4 80GB", 80e9, 19.5e12, 312e12, 624e12, 2.039e12, 32e9, 300e9, 25e9, 400, "8.0",
            "NVIDIA A100 datasheet (dense); NVLink 3; one 200 Gb/s port a GPU as in DGX A100",
        ),
        Datasheet(
            "rtx-4090", "NVIDIA GeForce RTX 4090", 24e9, 82.6e12, 165.2e12, 660.6e12, 1.008e12, 32e9, 32e9, 3.125e9, 450, "8.9",
            "NVIDIA Ada architecture whitepaper (dense, fp32 accumulation); PCIe 4.0 x16; assumption: 25 Gb/s Ethernet a GPU",
        ),
        Datasheet(
            "rtx-5090", "NVIDIA GeForce RTX 5090", 32e9, 104.8e12, 209.5e12, 838e12, 1.792e12, 64e9, 64e9, 3.125e9, 575, "12.0",
            "NVIDIA RTX Blackwell architecture whitepaper (dense, fp32 accumulation); PCIe 5.0 x16; assumption: 25 Gb/s Ethernet a GPU",
        ),
        Datasheet(
            "l40s", "NVIDIA L40S", 48e9, 91.6e12, 362.05e12, 733e12, 864e9, 32e9, 32e9, 3.125e9, 350, "8.9",
            "NVIDIA L40S datasheet (dense); PCIe 4.0 x16, no NVLink; assumption: 25 Gb/s Ethernet a GPU",
        ),
        Datasheet(
            "b200-sxm", "NVIDIA B200 SXM 180GB", 180e9, 75e12, 2250e12, 4500e12, 7.7e12, 64e9, 900e9, 50e9, 1000, "10.0",
            "NVIDIA HGX B200 datasheet (dense, an eighth of it), memory's bandwidth from its bus and clock (pytorch/ao pull request 4002); "
            "NVLink 5; one 400 Gb/s port a GPU as in DGX B200",
            errors=FURTHER_OFF,
        ),
        Datasheet(
            "mi300x", "AMD Instinct MI300X", 192e9, 163.4e12, 1307.4e12, 2614.9e12, 5.325e12, 64e9, 448e9, 50e9, 750, "9.4",
            "AMD Instinct MI300X data sheet (dense); seven Infinity Fabric links of 64 GB/s; assumption: one 400 Gb/s port a GPU",
            vendor="AMD", errors=FURTHER_OFF,
        ),
    )
}  # fmt: skip


def datasheet_calibration(sheet: Datasheet) -> Calibration:
    """The calibration that a datasheet and the stated efficiencies imply."""

    def fit(family: str, *, flops: float | None = None, bandwidth: float | None = None, half: float = 0.0) -> Fit:
        return Fit(
            family=family, overhead_s=LAUNCH_S, flops_per_s=flops, bytes_per_s=bandwidth,
            half=dict.fromkeys("mnk", half) if half else {}, error_median=sheet.errors[0], error_p95=sheet.errors[1],
        )  # fmt: skip

    memory = sheet.memory_bandwidth * MEMORY_EFFICIENCY
    fits = (
        fit("matmul-fp32", flops=sheet.fp32 * MATMUL_EFFICIENCY, bandwidth=memory, half=HALF_SIZE),
        fit("matmul-bf16", flops=sheet.bf16 * MATMUL_EFFICIENCY, bandwidth=memory, half=HALF_SIZE),
        fit("matmul-int8", flops=sheet.int8 * INT8_EFFICIENCY, bandwidth=memory, half=HALF_SIZE),
        fit("memory-copy", bandwidth=memory),
        fit("merge-linear", bandwidth=memory),
        fit("host-copy", bandwidth=sheet.host_bandwidth * MEMORY_EFFICIENCY),
        fit("disk-read", bandwidth=STORAGE_READ),
        fit("disk-write", bandwidth=STORAGE_WRITE),
    )
    return Calibration(
        source="datasheet",
        completeness="datasheet",
        date="2026-11-23",
        device=Device(
            id=sheet.id, name=sheet.name, vendor=sheet.vendor, kind="gpu", memory_bytes=sheet.memory_bytes,
            compute_capability=sheet.compute_capability, power_limit_w=sheet.power_w,
            intra_node_bytes_per_s=sheet.intra_node, inter_node_bytes_per_s=sheet.inter_node,
        ),
        software=Software(profiler="datasheet"),
        fits={one.family: one for one in fits},
        notes=(
            f"peaks: {sheet.source}",
            f"assumed: {MATMUL_EFFICIENCY:.0%} of the matmul peak, {INT8_EFFICIENCY:.0%} of INT8's, {MEMORY_EFFICIENCY:.0%} of memory's, "
            f"half rate at {HALF_SIZE:g}, storage {STORAGE_READ / 1e9:g} GB/s read and {STORAGE_WRITE / 1e9:g} GB/s write",
        ),
    )  # fmt: skip
