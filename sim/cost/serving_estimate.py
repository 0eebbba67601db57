"""One model served on one device: how fast tokens come, how many requests a replica answers, what a million tokens cost, with ranges."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.estimate import OnDevice, Range, drawn, network_refusal, node_here, on_device, range_of
from sim.cost.models import ModelShape, model_shape
from sim.cost.serving import Replica, ServingCost, measured_stacks, most_within, serving_cost, serving_families
from sim.scenario.errors import InputError
from sim.scenario.one_job import Serving, Setting
from sim.scenario.units import HOUR, MONTH, format_duration

MILLION = 1e6


@dataclass(frozen=True)
class ServingEstimate(OnDevice):
    """`gpus` are those of a replica, in which `at_once` requests run at all times. Seconds until the first token are of a prompt that waits
    for nobody; those of a further token hold the prefills of the others. Tokens are those of answers. `replicas` answer the rate asked for,
    with nothing to spare. Where all rests on measured stacks, `stacks` are their layers and the width of the widest."""

    first_token_s: Range | None = None
    token_s: Range | None = None
    at_once: int | None = None
    requests_per_s: Range | None = None
    tokens_per_s: Range | None = None
    energy_j_per_million_tokens: Range | None = None
    usd_per_million_tokens: Range | None = None
    replicas: int | None = None
    usd_per_month: float | None = None
    stacks: tuple[int, int] | None = None


def estimate_serving(work: Serving, setting: Setting, calibration: Calibration) -> ServingEstimate:
    """What serving takes on a device; InputError for an unknown model, or for GPUs that its heads cannot be shared out over."""
    shape, node = _shape(work), node_here(setting, calibration)
    blank = ServingEstimate(**asdict(on_device(calibration, setting, work.gpus)))
    try:
        families = serving_families(calibration)
        if missing := [one for one in families if one not in calibration.fits]:
            raise calibration.lacks(missing)
        return _filled(blank, work, shape, calibration, node, families)
    except InputError as error:
        return replace(blank, refusal=network_refusal(node, work.gpus) or "; ".join(problem.message for problem in error.problems))


def _shape(work: Serving) -> ModelShape:
    try:
        shape = model_shape(work.model)
    except InputError as error:
        raise InputError.of(error.problems[0].message, where="--model") from None
    if shape.kv_heads % work.gpus:
        fitting = [str(gpus) for gpus in range(1, shape.kv_heads + 1) if shape.kv_heads % gpus == 0]
        raise InputError.of(
            f"found {work.gpus}; a replica of {work.model} shares out its {shape.kv_heads} heads of keys and values, over "
            f"{', '.join(fitting[:-1])} or {fitting[-1]} GPUs",
            where="--gpus",
        )
    return shape


def _filled(
    blank: ServingEstimate, work: Serving, shape: ModelShape, calibration: Calibration, node: NodeType, families: tuple[str, ...]
) -> ServingEstimate:
    replica = Replica(shape, work.gpus, node, calibration)
    positions = work.prompt + work.output
    if not replica.most_at_once(positions):
        return replace(blank, refusal=_misfit(replica, positions))
    at_once = most_within(replica, work.prompt, work.output, work.tpot)
    if not at_once:
        alone = serving_cost(replica, work.prompt, work.output, 1).decode_s
        return replace(blank, refusal=f"takes {format_duration(alone)} a token even for one request at a time")

    cost, *costs = (
        serving_cost(replace(replica, calibration=one), work.prompt, work.output, at_once)
        for one in (calibration, *drawn(families, calibration))
    )

    def figure(of: Callable[[ServingCost], float]) -> Range:
        return range_of(of(cost), [of(one) for one in costs])

    requests, power, price = figure(lambda one: one.requests_per_s), calibration.device.power_limit_w, blank.usd_per_gpu_hour
    token = figure(lambda one: 1 / (one.requests_per_s * work.output))
    replicas = math.ceil(work.rate / requests.value) if work.rate is not None else None
    return replace(
        blank,
        errors={family: calibration.fit(family).error_p95 for family in families},
        memory_bytes=replica.memory_bytes(at_once, positions),
        first_token_s=figure(lambda one: one.prefill_s),
        token_s=figure(lambda one: one.token_s or 0.0) if cost.token_s is not None else None,
        at_once=at_once,
        requests_per_s=requests,
        tokens_per_s=requests.times(work.output),
        energy_j_per_million_tokens=token.times(MILLION * power * work.gpus) if power is not None else None,
        usd_per_million_tokens=token.times(MILLION * price * work.gpus / HOUR) if price is not None else None,
        replicas=replicas,
        usd_per_month=replicas * work.gpus * price * MONTH / HOUR if replicas is not None and price is not None else None,
        stacks=measured_stacks(calibration),
    )


def _misfit(replica: Replica, positions: int) -> str:
    """How many GPUs would do."""
    heads = replica.shape.kv_heads
    fitting = (g for g in range(1, heads + 1) if heads % g == 0 and replace(replica, gpus=g).most_at_once(positions))
    least = next(fitting, None)
    return f"needs at least {least} GPUs" if least else "fits on no number of GPUs that share out its heads"
