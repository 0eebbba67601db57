"""What a run says: every figure with its interval, targets met or missed, costs, and on what it all rests. Written as ``summary.json``."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sim.cost.validation import Validated
from sim.results.breach import Breach
from sim.results.commitments import OnDemand
from sim.results.precision import Precision
from sim.results.statistics import BY_T, Estimate, Intervals, described, estimate
from sim.results.warmup import WarmupCheck
from sim.scenario.scenario import Scenario
from sim.scenario.units import format_duration


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Verdict(_Part):
    """A target beside what came out: `met` or `missed` when the whole interval says so, else `unsure`."""

    workload: str
    figure: str
    limit_s: float
    outcome: Literal["met", "missed", "unsure"]


class Basis(_Part):
    """The calibration that a GPU type's costs rest on; `error_p95` is the largest held-out 95 % error of the families used.

    `device_id` is another than `gpu` where a user has one device stand for another. `validated` is None where nobody has run a queue on
    that device since it was profiled.
    """

    gpu: str
    device_id: str
    device: str
    source: str
    completeness: str
    date: str
    sha256: str
    error_p95: float
    validated: Validated | None = None

    @property
    def extrapolated(self) -> bool:
        return self.source != "measured"

    @property
    def stands_in(self) -> bool:
        return self.device_id != self.gpu


class WaitCurve(_Part):
    """Seconds waited at each quantile, averaged over replications."""

    quantiles: tuple[float, ...]
    wait_s: tuple[float, ...]


class Summary(_Part):
    """One plan's results over its replications. `unmeasured` says why no job was measured in any of them; empty where one was.

    `on_demand` are the prices that owned and committed capacity is compared with.
    """

    schema_version: Literal[1] = 1
    leadtime_version: str
    scenario: str
    plan: str
    question: str
    seed: int
    replications: int
    intervals: Intervals
    precision: Precision | None
    horizon_s: float
    warmup_s: float
    scenario_sha256: str
    bases: tuple[Basis, ...]
    figures: dict[str, Estimate]
    verdicts: tuple[Verdict, ...]
    wait_curves: dict[str, WaitCurve]
    warmup_checks: tuple[WarmupCheck, ...]
    breaches: tuple[Breach, ...]
    target_utilisation: float
    unusable: dict[str, dict[str, int]]
    notes: tuple[str, ...]
    unmeasured: str = ""
    on_demand: tuple[OnDemand, ...] = ()

    @property
    def extrapolated(self) -> bool:
        return any(basis.extrapolated for basis in self.bases)

    def figure(self, name: str) -> Estimate:
        """The named figure; an empty estimate where the run had nothing of that name."""
        return self.figures.get(name, Estimate(mean=None, values=(None,) * self.replications))


def why_unmeasured(arrived: int, counted: int, horizon_s: float, warmup_s: float) -> str:
    """Why nothing is known of any wait: of jobs, so many arrived in all replications, and so many of them after the warm-up."""
    if not arrived:
        return f"no job arrived in {format_duration(horizon_s)}; a longer horizon or more arrivals would bring some"
    if not counted:
        return f"every job arrived in the warm-up of {format_duration(warmup_s)}; a shorter warm-up or a longer horizon would do"
    return "every job that arrived after the warm-up was turned away" if warmup_s else "every job was turned away"


SHARES = (".goodput", ".utilisation", ".effective_time", ".promises.kept", ".deadlines.met")
"""Ends of the names of figures that are shares of a whole."""


def join_figures(replications: Sequence[Mapping[str, float]], intervals: Intervals = BY_T) -> dict[str, Estimate]:
    """Estimates over replications, by figure; none but headroom can be negative, no share is over 1 and no slowdown under."""
    names = dict.fromkeys(name for figures in replications for name in figures)
    return {
        name: estimate(
            [figures.get(name) for figures in replications],
            least=-math.inf if name.startswith("headroom.") else 1.0 if described(name) == "slowdown" else 0.0,
            most=1.0 if f".{name}".endswith(SHARES) else math.inf,
            intervals=intervals,
            name=name,
        )
        for name in names
    }


def verdicts(scenario: Scenario, figures: Mapping[str, Estimate]) -> tuple[Verdict, ...]:
    """Every target of the scenario against its figure."""
    found = []
    for name, work in scenario.workloads.items():
        limits: dict[str, Any] = work.target.wait.model_dump(exclude_none=True) if work.target else {}
        for statistic, limit in limits.items():
            figure = f"workload.{name}.wait.{statistic}"
            found.append(Verdict(workload=name, figure=figure, limit_s=limit, outcome=_outcome(figures[figure], limit)))
    return tuple(found)


def _outcome(figure: Estimate, limit: float) -> Literal["met", "missed", "unsure"]:
    if figure.mean is None:
        return "unsure"
    low = figure.mean if figure.low is None else figure.low
    high = figure.mean if figure.high is None else figure.high
    return "met" if high <= limit else "missed" if low > limit else "unsure"
