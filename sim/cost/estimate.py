"""One job on one device: how long, how much memory, energy and money, with ranges, and which part of it bounds the rest.

Nothing here is a cost model: seconds come from `CostTable`, as a scenario's do. A range holds the truth 95 % of the time if the
calibration's errors are as stated: families err independently, and are drawn so (as `sim.study.preparation` does for a scenario).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.datasheets import DATASHEETS
from sim.cost.durations import check_model, families, least_gpus_for, training_job
from sim.cost.evaluation import evaluation_memory_bytes
from sim.cost.job_seconds import family_seconds, job_seconds
from sim.cost.merge import MergeCost, merge_cost, merge_memory_bytes
from sim.cost.models import model_shape, training_flops
from sim.cost.power import Draw, job_draw
from sim.cost.prices import LIST_PRICES, PRICES_DATE, ListPrice
from sim.cost.training import Layout, StepCost, step_cost
from sim.scenario.errors import InputError, Problem
from sim.scenario.one_job import OneJob, Setting
from sim.scenario.units import HOUR
from sim.scenario.workloads import MergeWorkload, TrainingWorkload

DRAWS = 200
OUTSIDE = (0.025, 0.975)
"""Quantiles between which 95 % lie."""


@dataclass(frozen=True)
class Range:
    """The estimate, and the ends between which the truth lies 95 % of the time."""

    value: float
    low: float
    high: float

    def times(self, factor: float, error: float = 0.0) -> "Range":
        """The product with a factor that is known to this relative 95 % error, independent of the range's own."""

        def end(of: float) -> float:
            return math.exp(math.hypot(math.log(of / self.value), math.log1p(error)))

        return Range(self.value * factor, self.value * factor / end(self.low), self.value * factor * end(self.high))


@dataclass(frozen=True)
class OnDevice:
    """What is asked about on one type of device, as its calibration has it. Where it cannot run, `refusal` says why and what would do, and
    there are no figures. `errors` are the 95 % errors of the families that it rests on; `memory_bytes` is for each GPU; a quantity that
    nobody stated (power, price) is None, never 0."""

    device: str
    name: str
    source: str
    completeness: str
    date: str
    gpus: int
    errors: dict[str, float] = field(default_factory=dict)
    refusal: str | None = None
    memory_bytes: float | None = None
    device_memory_bytes: float | None = None
    usd_per_gpu_hour: float | None = None
    price_source: str | None = None

    @property
    def extrapolated(self) -> bool:
        return self.source != "measured"

    def said(self) -> dict[str, Any]:
        """Everything as plain data."""
        return asdict(self) | {"extrapolated": self.extrapolated}


@dataclass(frozen=True)
class DeviceEstimate(OnDevice):
    """One job: `terms_s` are seconds by part and add up to `seconds.value`, but for a merge from storage, whose tiers work at the same
    time. `power` is a GPU's, measured as far as its `measured` says and at the power limit else."""

    seconds: Range | None = None
    terms_s: dict[str, float] = field(default_factory=dict)
    layout: Layout | None = None
    power: Draw | None = None
    energy_j: Range | None = None
    price_usd: Range | None = None
    mfu: float | None = None
    """Model FLOPs utilisation of training: 6 · parameters · tokens over what the datasheet's dense bf16 peak would compute in that time."""

    @property
    def bound_by(self) -> str | None:
        """The part that takes longest."""
        return max(self.terms_s, key=self.terms_s.__getitem__) if self.terms_s else None

    def said(self) -> dict[str, Any]:
        return super().said() | {"bound_by": self.bound_by}


def estimate(work: OneJob, setting: Setting, calibration: Calibration) -> DeviceEstimate:
    """What `work` (its first choice of GPUs and experts, the centre of its tokens) takes on a device; InputError for an unknown model."""
    gpus, node = work.gpus.values[0], node_here(setting, calibration)
    try:
        check_model(work)
    except InputError as error:
        raise InputError([Problem(problem.message, where=f"--{problem.key}") for problem in error.problems]) from None
    blank = DeviceEstimate(**asdict(on_device(calibration, setting, gpus)))
    try:
        seconds = job_seconds(work, calibration, node)
        if math.isinf(seconds):
            return replace(blank, refusal=_misfit(work, calibration))
        return _filled(blank, work, calibration, node, seconds)
    except InputError as error:
        return replace(blank, refusal=network_refusal(node, gpus) or "; ".join(problem.message for problem in error.problems))


def node_here(setting: Setting, calibration: Calibration) -> NodeType:
    """The node type that the setting describes; its network where given, else the device's own."""
    device = calibration.device
    inside, between = setting.intra_node or device.intra_node_bytes_per_s, setting.inter_node or device.inter_node_bytes_per_s
    return NodeType(device.id, setting.gpus_per_node, inside, between)


def on_device(calibration: Calibration, setting: Setting, gpus: int) -> OnDevice:
    """What is known before anything is reckoned: the device, and what a GPU-hour of it costs."""
    device = calibration.device
    price = ListPrice(setting.price, "as given") if setting.price is not None else LIST_PRICES.get(device.id)
    source = None if price is None else price.source if setting.price is not None else f"{price.source}, {PRICES_DATE}"
    return OnDevice(
        device=device.id,
        name=device.name,
        source=calibration.source,
        completeness=calibration.completeness,
        date=calibration.date,
        gpus=gpus,
        device_memory_bytes=device.memory_bytes,
        usd_per_gpu_hour=price.usd_per_gpu_hour if price else None,
        price_source=source,
    )


def _misfit(work: OneJob, calibration: Calibration) -> str:
    least = least_gpus_for(work, calibration)
    return f"needs at least {least} GPUs" if least else "fits on no number of GPUs"


def network_refusal(node: NodeType, gpus: int) -> str | None:
    """What is missing where GPUs work together over a network that neither the calibration nor the user describes."""
    inside = gpus <= node.gpus_per_node
    if gpus == 1 or (node.intra_node if inside else node.inter_node) is not None:
        return None
    return f"needs a network: give --{'intra' if inside else 'inter'}-node, as in --{'intra' if inside else 'inter'}-node '25 Gb/s'"


def _filled(blank: DeviceEstimate, work: OneJob, calibration: Calibration, node: NodeType, value: float) -> DeviceEstimate:
    named = families(work, calibration)
    seconds = range_of(value, [job_seconds(work, one, node) for one in drawn(named, calibration)])
    terms, layout, memory = _parts(work, calibration, node, value)
    draw, price = job_draw(work, calibration, node), blank.usd_per_gpu_hour
    return replace(
        blank,
        errors={family: calibration.fit(family).error_p95 for family in named},
        seconds=seconds,
        terms_s=terms,
        layout=layout,
        memory_bytes=memory,
        power=draw,
        energy_j=seconds.times(draw.watts * blank.gpus, draw.error) if draw is not None else None,
        price_usd=seconds.times(price * blank.gpus / HOUR) if price is not None else None,
        mfu=_mfu(work, calibration.device.id, blank.gpus * value),
    )


def _mfu(work: OneJob, device: str, gpu_seconds: float) -> float | None:
    """None for what is no training, and for a device whose peak nobody states."""
    if not isinstance(work, TrainingWorkload) or device not in DATASHEETS:
        return None
    return training_flops(model_shape(work.model), work.tokens.centre) / (gpu_seconds * DATASHEETS[device].bf16)


def drawn(families: Sequence[str], calibration: Calibration) -> list[Calibration]:
    """DRAWS calibrations in which these families err as stated, spread evenly over each one's distribution (a Latin hypercube, McKay et
    al., Technometrics 1979); the same whenever they are asked for."""
    evenly = np.array([NormalDist().inv_cdf((number + 0.5) / DRAWS) for number in range(DRAWS)])
    columns = [calibration.spread(family) * np.random.default_rng(number).permutation(evenly) for number, family in enumerate(families)]
    return [calibration.scaled(dict(zip(families, factors, strict=True))) for factors in np.exp(np.array(columns)).T.tolist()]


def range_of(value: float, of_drawn: Sequence[float]) -> Range:
    """A figure, and the ends between which it lies for 95 of 100 of the calibrations drawn.

    The figure itself need not be in the middle: where two tiers take as long, either's error makes the whole longer.
    """
    low, high = np.exp(np.quantile(np.log(of_drawn), OUTSIDE, method="hazen"))  # between two draws the same for a rate and its inverse
    return Range(value, float(low), float(high))


def _parts(work: OneJob, calibration: Calibration, node: NodeType, value: float) -> tuple[dict[str, float], Layout | None, float]:
    """Seconds by part, the layout of a training step, and bytes on each GPU."""
    shape, gpus = model_shape(work.model), work.gpus.values[0]
    if isinstance(work, MergeWorkload):
        experts = work.experts.values[0]
        merge = merge_cost(shape, work.method, experts, gpus, work.source, calibration, node)
        return _terms(merge, 1.0), None, merge_memory_bytes(shape, work.method, experts, gpus, work.source)
    if isinstance(work, TrainingWorkload):
        step = step_cost(training_job(work, gpus), calibration, node)
        assert step is not None, "a job with finite seconds fits"
        terms = _terms(step, work.tokens.centre / (work.tokens_per_gpu * gpus))
        written = value - sum(terms.values())
        return terms | ({"checkpoints": written} if work.checkpoint is not None else {}), step.layout, step.memory_bytes
    memory = evaluation_memory_bytes(shape, work.precision, work.sequence, gpus)
    return _shares(work, calibration, node, value), None, memory


TERMS = {
    "linear_s": "linear layers",
    "traffic_s": "elementwise",
    "host_s": "host link",
    "device_s": "device",
}
"""What a cost's terms are called where their field names do not say it."""


def _terms(cost: MergeCost | StepCost, times: float) -> dict[str, float]:
    """The terms of a cost that take time, each `times` over."""
    named = {one.name: getattr(cost, one.name) * times for one in fields(cost) if one.name.endswith("_s")}
    return {TERMS.get(name, name.removesuffix("_s").replace("_", " ")): seconds for name, seconds in named.items() if seconds}


def _shares(work: OneJob, calibration: Calibration, node: NodeType, value: float) -> dict[str, float]:
    """Seconds by family, scaled to add up."""
    seconds = family_seconds(work, calibration, node)
    total = sum(seconds.values())
    return {family: value * took / total for family, took in seconds.items()}
