"""What a sensitivity study varies: numbers of the scenario between two ends, and how far a device's costs may be off."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sim.cost.durations import families
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.offers import OFFER_KEYS
from sim.scenario.units import parse_duration, split_quantity
from sim.scenario.values import Choices, Span, Values
from sim.scenario.workloads import TraceWorkload
from sim.study.preparation import Preparation

ERROR = "calibration."
"""What the names of calibration errors begin with, followed by the GPU type and the family."""
ERROR_ENDS = 1.959964
"""Standard deviations either side that hold 95 % of a normal: calibration errors are varied between these."""


@dataclass(frozen=True)
class Input:
    """One number to vary: `low` to `high`, `base` as written, and the unit it is written with. `family` marks a calibration error, in
    standard deviations of its logarithm, of (device, family)."""

    name: str
    low: float
    base: float
    high: float
    unit: str = ""
    whole: bool = False
    family: tuple[str, str] | None = None

    def at(self, share: float) -> float:
        """The number this share of the way from low to high."""
        number = self.low + share * (self.high - self.low)
        return round(number) if self.whole else number

    def written(self, number: float) -> Any:
        """The number as the scenario would hold it."""
        if self.whole:
            return round(number)
        return f"{number:.10g}{self.unit}" if self.unit else number

    def said(self, number: float) -> str:
        return f"{number:+.3g} sd" if self.family else f"{number:.6g}{self.unit}"


def default_inputs(document: Document, within: float) -> Iterator[Input]:
    """Every arrival rate, number of nodes, price, answer and delivery date of the scenario, `within` this share either side."""
    for name, work in document.data.get("workloads", {}).items():
        if isinstance(work, dict) and isinstance(work.get("arrivals"), dict):
            yield from _around(f"workloads.{name}.arrivals.rate", work["arrivals"].get("rate"), within)
    for provider, seller in document.data.get("providers", {}).items():
        for name, pool in seller["pools"].items():
            key = f"providers.{provider}.pools.{name}"
            yield from _around(f"{key}.nodes", pool.get("nodes"), within)
            for offer in OFFER_KEYS:
                yield from _around(f"{key}.offer.{offer}", pool["offer"].get(offer), within)
            yield from _delay(f"{key}.provisioning", pool.get("provisioning"), within)
            for index, delivery in enumerate(pool.get("deliveries", [])):
                yield from _delay(f"{key}.deliveries.{index}.after", delivery.get("after"), within)


def _delay(key: str, value: Any, within: float) -> Iterator[Input]:
    """A duration, or what it is mostly: a mean, or a median as long as it stays under its own 95 % point."""
    if not isinstance(value, dict):
        yield from _around(key, value, within)
    elif "mean" in value:
        yield from _around(f"{key}.mean", value["mean"], within)
    else:
        for one in _around(f"{key}.median", value.get("median"), within):
            if parse_duration(one.written(one.high)) <= parse_duration(value["p95"]):
                yield one


def _around(key: str, value: Any, within: float) -> Iterator[Input]:
    """Nothing where the value is no plain number above 0, as a price path is none."""
    parts = split_quantity(value)
    if parts is None or parts[0] <= 0:
        return
    number, unit = parts
    spaced = f" {unit}" if unit and isinstance(value, str) and f" {unit}" in value else unit
    if isinstance(value, int):
        step = max(1, round(number * within))
        if number > 1:
            yield Input(key, max(number - step, 1), number, number + step, whole=True)
        return
    yield Input(key, number * (1 - within), number, number * (1 + within), spaced)


def given_inputs(document: Document, over: Mapping[str, Values], place: str) -> Iterator[Input]:
    """The keys that a study names, between the ends of their ranges; InputError for what is no range of numbers around what is written."""
    for key, values in over.items():
        ends = [values.low, values.high] if isinstance(values, Span) else [split_quantity(one) for one in _ends(values)]
        numbers = [one[0] if isinstance(one, tuple) else one for one in ends if one is not None]
        if len(numbers) != 2 or numbers[0] >= numbers[1]:
            raise InputError.of("is no range of numbers; write one, as in 20/d..60/d or 4..12", where=place, key=key)
        unit = values.unit if isinstance(values, Span) else _unit(values)
        written = split_quantity(_at(document, key))
        base = written[0] if written is not None and written[1] == unit.strip() else sum(numbers) / 2
        whole = isinstance(values, Choices) and all(isinstance(one, int) for one in values.values)
        yield Input(key, numbers[0], round(base) if whole else base, numbers[1], unit, whole)


def _ends(values: Choices) -> list[Any]:
    return [values.values[0], values.values[-1]]


def _unit(values: Choices) -> str:
    parts = split_quantity(values.values[0])
    text = str(values.values[0])
    return "" if parts is None else f" {parts[1]}" if parts[1] and f" {parts[1]}" in text else parts[1]


def _at(document: Document, key: str) -> Any:
    holder: Any = document.data
    for part in key.split("."):
        holder = holder.get(part) if isinstance(holder, dict) else None
    return holder


def error_inputs(preparation: Preparation) -> Iterator[Input]:
    """The calibration error of every device and family that the scenario's work uses."""
    drawn = [work for work in preparation.scenario.workloads.values() if not isinstance(work, TraceWorkload)]
    for gpu, calibration in preparation.calibrations.items():
        used = sorted({family for work in drawn for family in families(work, calibration)})
        for family in used:
            yield Input(f"{ERROR}{gpu}.{family}", -ERROR_ENDS, 0.0, ERROR_ENDS, family=(gpu, family))
