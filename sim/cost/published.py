"""Published figures beside what the shipped calibrations predict of them: what was trained, how fast, at what cost. Misses stay visible.

Nothing here is fitted: a prediction is what a user of this version would get, and the ratio is printed as it is. A figure that cannot be
predicted (a precision or a device that no calibration has) says so instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.datasheets import DATASHEETS
from sim.cost.devices import known_devices, shipped_calibration
from sim.cost.models import model_shape, training_flops
from sim.cost.training import TrainingJob, step_cost
from sim.scenario.errors import InputError
from sim.scenario.units import HOUR
from sim.scenario.workloads import Precision

TORCHTITAN = "torchtitan benchmarks/llama3_h100_202412_torchtitan.md"
TORCHAO = "torchao docs/source/workflows/training.md"
TORCHAO_INT8 = "torchao prototype/quantized_training README"
QUANTIZED_TRAINING = "gau-nernst/quantized-training README"
CONDITIONS = {
    TORCHTITAN: "local batch 2; its H100s have HBM2e at 2.4 TB/s and are held to 500 W",
    TORCHAO: "local batch assumed 1",
    TORCHAO_INT8: "Llama2-1B (taken as tinyllama-1.1b), batch 32 × 2048",
    QUANTIZED_TRAINING: "Llama2-1B, batch 16 × 2048",
}
"""What a source says, or had to be assumed, of how its figures were measured."""
MODEL_CARD = "llama-models llama3_1 MODEL_CARD.md"
VISION_CARD = "llama-models llama3_2 MODEL_CARD_VISION.md"


@dataclass(frozen=True)
class Fact:
    """One published figure; `predicted` is None where `note` says why it cannot be."""

    group: str
    what: str
    unit: str
    published: float
    predicted: float | None
    source: str
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Predicted over published."""
        return None if self.predicted is None else self.predicted / self.published


@dataclass(frozen=True)
class Speed:
    """Tokens/s a GPU as published; `precision` is None where it is none of ours."""

    what: str
    device: str
    model: str
    precision: Precision | None
    gpus: int
    sequence: int
    tokens_per_gpu: int
    tokens_per_s: float
    source: str


SPEEDS = (
    Speed("8 GPUs, eager", "h100-sxm", "llama-3.1-8b", "bf16", 8, 8192, 16384, 5762, TORCHTITAN),
    Speed("8 GPUs, compiled", "h100-sxm", "llama-3.1-8b", "bf16", 8, 8192, 16384, 6667, TORCHTITAN),
    Speed("8 GPUs, compiled, float8", "h100-sxm", "llama-3.1-8b", None, 8, 8192, 16384, 8532, TORCHTITAN),
    Speed("128 GPUs, eager", "h100-sxm", "llama-3.1-8b", "bf16", 128, 8192, 16384, 5605, TORCHTITAN),
    Speed("128 GPUs, compiled", "h100-sxm", "llama-3.1-8b", "bf16", 128, 8192, 16384, 6514, TORCHTITAN),
    Speed("128 GPUs, compiled, float8", "h100-sxm", "llama-3.1-8b", None, 128, 8192, 16384, 8380, TORCHTITAN),
    Speed("8 GPUs, torchao", "h100-sxm", "llama-3.1-8b", "bf16", 8, 8192, 8192, 6150, TORCHAO),
    Speed("8 GPUs, torchao, float8", "h100-sxm", "llama-3.1-8b", None, 8, 8192, 8192, 7689.5, TORCHAO),
    Speed("8 GPUs, torchao", "b200-sxm", "llama-3.1-8b", "bf16", 8, 8192, 8192, 8307.5, TORCHAO),
    Speed("8 GPUs, torchao", "mi300x", "llama-3.1-8b", "bf16", 8, 8192, 8192, 5376.5, TORCHAO),
    Speed("1 GPU, bf16", "rtx-4090", "tinyllama-1.1b", "bf16", 1, 2048, 65536, 17000, TORCHAO_INT8),
    Speed("1 GPU, int8", "rtx-4090", "tinyllama-1.1b", "int8-mixed", 1, 2048, 65536, 29000, TORCHAO_INT8),
)


def facts() -> list[Fact]:
    """Every published figure with its prediction, in groups."""
    return [*map(_speed, SPEEDS), *_int8(), *_gpu_hours(), *_emissions()]


def devices() -> list[str]:
    """Devices whose shipped calibrations the predictions rest on."""
    return [device for device in dict.fromkeys(row.device for row in SPEEDS) if device in known_devices()] + ["a100-sxm-80gb", "rtx-5090"]


def predicted_speed(row: Speed) -> float | None:
    """Tokens/s a GPU that the device's shipped calibration implies; None where it has not what that needs."""
    if row.precision is None or row.device not in known_devices():
        return None
    return _tokens_per_s(row.device, row.model, row.precision, row.gpus, row.sequence, row.tokens_per_gpu)


@cache
def _calibration(device: str) -> tuple[Calibration, NodeType]:
    """A shipped calibration, and its node of 8 GPUs; links that it did not measure are its datasheet's."""
    calibration = shipped_calibration(device)
    facts, sheet = calibration.device, DATASHEETS.get(device)
    inside = facts.intra_node_bytes_per_s or (sheet.intra_node if sheet else None)
    between = facts.inter_node_bytes_per_s or (sheet.inter_node if sheet else None)
    return calibration, NodeType(device, 8, inside, between)


def _tokens_per_s(device: str, model: str, precision: Precision, gpus: int, sequence: int, tokens_per_gpu: int) -> float | None:
    calibration, node = _calibration(device)
    try:
        cost = step_cost(TrainingJob(model_shape(model), precision, gpus, sequence, tokens_per_gpu), calibration, node)
    except InputError:  # a family that this device's profile did not measure
        return None
    return None if cost is None else tokens_per_gpu / cost.seconds


def _speed(row: Speed) -> Fact:
    predicted = predicted_speed(row)
    note = ""
    if predicted is None:
        note = "float8 is none of our precisions" if row.precision is None else f"no calibration of {row.device} for this"
    return Fact("Training speed", f"{row.device} {row.model} {row.what}", "tokens/s/GPU", row.tokens_per_s, predicted, row.source, note)


def _int8() -> Iterator[Fact]:
    """Speed-ups of INT8 mixed precision over bf16, and one switch of three from the other two."""
    group = "INT8 mixed precision"
    bf16, int8 = (predicted_speed(row) for row in SPEEDS[-2:])
    gain = int8 / bf16 if int8 and bf16 else None
    yield Fact(group, "rtx-4090 Llama2-1B, all three products: speed-up", "×", 1.7, gain, TORCHAO_INT8)
    for gpus, model, published, source in (
        (1, "tinyllama-1.1b", 1.4, "torchtune issue 1552"),
        (8, "llama-3.1-8b", 1.2, "torchtitan issue 578"),
    ):
        bf16 = _tokens_per_s("a100-sxm-80gb", model, "bf16", gpus, 2048, 16384)
        int8 = _tokens_per_s("a100-sxm-80gb", model, "int8-mixed", gpus, 2048, 16384)
        gain = int8 / bf16 if int8 and bf16 else None
        yield Fact(
            group,
            f"{gpus} × A100, all three products: speed-up",
            "×",
            published,
            gain,
            source,
            f"model and batch unpublished; taken as {model}, 16384 tokens a step",
        )
    alone = _with_grad_input(9223, 11751, 15517)
    note = "from its output-only and all-three rows: grad-input and grad-weight save equally"
    yield Fact(group, "RTX 4070 Ti SUPER Llama2-1B, output and grad-input", "tokens/s", 13678, alone, QUANTIZED_TRAINING, note)
    card = _calibration("rtx-5090")[0]
    bf16, int8 = (card.fit(family).matmul_seconds(4096, 4096, 4096) for family in ("matmul-bf16", "matmul-int8"))
    note = "held to 400 W there, at its limit of 575 W here"
    yield Fact(group, "RTX 5090 GEMM 4096³, row × column: speed-up", "×", 2.72, bf16 / int8, "gau-nernst/quantized-training", note)


def _with_grad_input(bf16: float, output_only: float, all_three: float) -> float:
    """Tokens/s with the output and grad-input products in INT8: a step sums products of equal arithmetic, two of them unseen."""
    saved_by_two = 1 / output_only - 1 / all_three
    assert bf16 < output_only < all_three
    return 1 / (1 / output_only - saved_by_two / 2)


LLAMA_TOKENS = 15.6e12
GPU_HOURS = (("8B", "llama-3.1-8b", 1024, 1.46e6), ("70B", "llama-3.1-70b", 4096, 7.0e6), ("405B", "llama-3.1-405b", 16384, 30.84e6))
"""Size, shape, GPUs (published for 405B alone, else assumed) and H100-80GB GPU-hours in all."""
POWER_W = 700
"""A GPU's, as the model cards reckon."""


def _gpu_hours() -> Iterator[Fact]:
    """Published hours hold whatever happened to a run; predicted ones are good steps and nothing else."""
    group = "Pretraining"
    for size, model, gpus, published in GPU_HOURS:
        speed = _tokens_per_s("h100-sxm", model, "bf16", gpus, 8192, 16384)
        hours = LLAMA_TOKENS / speed / HOUR if speed else None
        note = (
            f"{gpus} GPUs{'' if size == '405B' else ' assumed'}, 16384 tokens a GPU a step; no restart, no evaluation, data-parallel alone"
        )
        yield Fact(group, f"Llama 3.1 {size} on 15.6T tokens, H100", "GPU-hours", published, hours, MODEL_CARD, note)
    flops = training_flops(model_shape("llama-3.1-405b"), LLAMA_TOKENS)
    yield Fact(group, "Llama 3.1 405B: arithmetic", "FLOP", 3.8e25, flops, "Llama 3 paper (arXiv 2407.21783)", "6·N·D")


EMISSIONS = (
    ("3.1 8B", 1.46e6, 420, MODEL_CARD),
    ("3.1 70B", 7.0e6, 2040, MODEL_CARD),
    ("3.1 405B", 30.84e6, 8930, MODEL_CARD),
    ("3.2 11B Vision", 147e3 + 98e3 + 896 + 224, 71, VISION_CARD),
    ("3.2 90B Vision", 885e3 + 885e3 + 3072 + 2048, 513, VISION_CARD),
)
"""Model, GPU-hours, tonnes of CO2 equivalent (location-based), source."""


def _emissions() -> Iterator[Fact]:
    """Tonnes from published GPU-hours at the board's power; the grid's intensity, which no card states, is the first row's."""
    _, hours, tonnes, _ = EMISSIONS[0]
    kg_per_kwh = tonnes * 1e3 / (hours * POWER_W / 1e3)
    for number, (model, hours, tonnes, source) in enumerate(EMISSIONS):
        predicted = hours * POWER_W / 1e3 * kg_per_kwh / 1e3
        note = f"at {kg_per_kwh:.3f} kg/kWh" + (", which this row implies" if number == 0 else ", as the first row implies")
        yield Fact("Emissions", f"Llama {model}: published GPU-hours at {POWER_W} W", "tCO2e", tonnes, predicted, source, note)
