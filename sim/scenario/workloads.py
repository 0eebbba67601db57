"""Named streams of work: ``merge``, ``training``, ``evaluation`` (drawn) and ``trace`` (recorded)."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sim.scenario.data import Data
from sim.scenario.distributions import ONE, CountDistribution, Mix, MixOf
from sim.scenario.elastic_training import ElasticTraining
from sim.scenario.estimates import EstimateFactor
from sim.scenario.model import Name, Path, Word
from sim.scenario.units import MINUTE, Duration, Growth, PositiveDuration, Price, Rate, Whole

Precision = Literal["fp32", "bf16", "int8-mixed"]
MergeMethod = Literal["linear", "slerp", "task-arithmetic", "ties", "dare-ties"]
SLERP_EXPERTS = 2
MergeSource = Literal["storage", "host", "device"]
Profile = Literal["flat", "office-hours", "diurnal"]
KINDS = ("merge", "training", "evaluation", "trace")
TraceFormat = Literal["csv", "openb", "swf"]
"""Each has a reader in `sim.demand.traces`."""


def _times(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Times = Annotated[
    tuple[Duration, ...],
    BeforeValidator(_times),
    WithJsonSchema(
        {"type": ["string", "array"], "items": {"type": "string"}, "description": "times after the start", "examples": ["20 d"]}
    ),
]


class Arrivals(Word):
    """A Poisson stream whose rate may follow a weekly profile and grow, or jobs `at` known times after the start. `batch` jobs arrive
    together; `rate` counts jobs."""

    rate: Rate | None = None
    at: Times = ()
    profile: Profile = "flat"
    growth: Growth = 0.0
    batch: Annotated[int, Whole(1, "the number of jobs that arrive together")] = 1

    @model_validator(mode="after")
    def _rate_or_times(self) -> Self:
        if (self.rate is None) != bool(self.at):
            found = "both rate and at" if self.at else "neither rate nor at"
            raise PydanticCustomError(
                "arrivals", "found {found}; write one of them, as in {examples}", {"found": found, "examples": "{rate: 20/d} or {at: 20 d}"}
            )
        if self.at and (self.growth or self.profile != "flat"):
            raise PydanticCustomError("arrivals", "found at with a profile or growth; these shape a rate, and times are as they are", {})
        return self


class WaitTarget(Word):
    """Longest acceptable wait, by statistic; a target is met when every one given holds."""

    mean: Duration | None = None
    p50: Duration | None = None
    p95: Duration | None = None
    p99: Duration | None = None
    max: Duration | None = None


class Target(Word):
    """Limits on the wait; `window` is the moving span over which it is judged when it breaks (default: a week)."""

    wait: WaitTarget
    window: PositiveDuration | None = None


RESTART_S = 5 * MINUTE
"""Assumed: an interrupted job needs five minutes to be placed, to read its state and to warm up before it makes progress again."""


class _Workload(Word):
    """`deadline` counts from a job's arrival; `cost_of_delay` is what each hour until it is done costs, for each GPU it asks for.

    `estimate` is how many times as long as it does take users say a job will; where it is not given they know, or a trace says. `tenant` is
    whose jobs all of them are: by default one of the workload's own name.
    """

    priority: Annotated[int, Whole(-1000, "a priority (higher goes first)")] = 0
    tenant: Name | None = None
    target: Target | None = None
    restart: Duration = RESTART_S
    data: Data | None = None
    deadline: PositiveDuration | None = None
    cost_of_delay: Price = 0.0
    estimate: EstimateFactor | None = None


def experts_problem(method: MergeMethod, experts: int) -> str | None:
    """Why a method cannot merge so many experts; None where it can."""
    if method == "slerp" and experts != SLERP_EXPERTS:
        return f"found {experts} experts; slerp goes along the arc between two, so 2 would do, or another method for more"
    return None if experts > 0 else f"found {experts} experts; at least one would do"


class MergeWorkload(_Workload):
    """Merges of `experts` fine-tuned copies of `model`; `source` is where they lie and where the result goes back to."""

    kind: Literal["merge"]
    model: str
    arrivals: Arrivals
    method: MergeMethod = "linear"
    experts: Annotated[Mix, MixOf(2, "the number of experts")] = Mix((2,), (1.0,))
    gpus: Annotated[Mix, MixOf(1, "the number of GPUs")] = ONE
    source: MergeSource = "storage"

    @field_validator("experts")
    @classmethod
    def _experts_suit_the_method(cls, experts: Mix, info: ValidationInfo) -> Mix:
        for count in experts.values:
            if problem := experts_problem(info.data.get("method", "linear"), count):
                raise PydanticCustomError("experts", "{problem}", {"problem": problem})
        return experts


class TrainingWorkload(_Workload):
    """Training or fine-tuning of all parameters of `model` over `tokens` tokens a job, data-parallel over `gpus`."""

    kind: Literal["training"]
    model: str
    arrivals: Arrivals
    tokens: CountDistribution
    precision: Precision = "bf16"
    gpus: Annotated[Mix, MixOf(1, "the number of GPUs")] = ONE
    sequence: Annotated[int, Whole(16, "the sequence length in tokens")] = 4096
    tokens_per_gpu: Annotated[
        int, Whole(16, "the number of tokens a GPU sees between two optimiser steps"), Field(validate_default=True)
    ] = 16384
    checkpoint: PositiveDuration | None = None
    elastic: ElasticTraining | None = None

    @field_validator("tokens_per_gpu")
    @classmethod
    def _whole_sequences(cls, tokens: int, info: ValidationInfo) -> int:
        sequence = info.data.get("sequence", tokens)
        if tokens < sequence:
            words = "found {tokens} tokens; a GPU sees whole sequences, here of {sequence} tokens: tokens-per-gpu of {sequence} would do"
            raise PydanticCustomError("sequences", words, {"tokens": tokens, "sequence": sequence})
        return tokens


class EvaluationWorkload(_Workload):
    """Scoring `tokens` tokens (and `images`, for a model that sees) a job by forward passes: batch evaluation, labelling, embedding."""

    kind: Literal["evaluation"]
    model: str
    arrivals: Arrivals
    tokens: CountDistribution
    images: CountDistribution | None = None
    precision: Precision = "bf16"
    gpus: Annotated[Mix, MixOf(1, "the number of GPUs")] = ONE
    sequence: Annotated[int, Whole(16, "the sequence length in tokens")] = 4096


class TraceWorkload(_Workload):
    """Recorded jobs with their own arrivals, sizes and durations. `scale` of 1.5 makes them arrive 1.5 times as fast.

    `columns` maps our column names to the file's; `where` keeps the rows whose column holds the value. All jobs are `tenant`'s, by default
    one of the workload's own name; a file whose rows name their tenants takes none.
    """

    kind: Literal["trace"]
    format: TraceFormat
    path: Path
    columns: dict[str, str] = Field(default_factory=dict)
    where: dict[str, Any] = Field(default_factory=dict)
    checkpoint: PositiveDuration | None = None
    scale: Annotated[float, Field(gt=0, strict=False)] = 1.0


def _kind(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"kind:{kind}" if kind in KINDS else None


Workload = Annotated[
    Annotated[MergeWorkload, Tag("kind:merge")]
    | Annotated[TrainingWorkload, Tag("kind:training")]
    | Annotated[EvaluationWorkload, Tag("kind:evaluation")]
    | Annotated[TraceWorkload, Tag("kind:trace")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message=f"needs 'kind', one of {', '.join(KINDS)}",
    ),
]
