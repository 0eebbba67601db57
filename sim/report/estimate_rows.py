"""One job's estimates as rows of text: what it takes on each device, and where the time goes."""

from collections.abc import Callable, Mapping, Sequence

from sim.cost.estimate import DeviceEstimate, OnDevice, Range
from sim.cost.power import Draw
from sim.cost.validation import Validated
from sim.report.rows import Rows, validated_phrase
from sim.report.words import amount, energy, size, usd
from sim.scenario.one_job import OneJob
from sim.scenario.units import format_duration
from sim.scenario.workloads import EvaluationWorkload, MergeWorkload


def job_title(work: OneJob) -> str:
    """The job in a line, so that a reader sees what the defaults were."""
    gpus = work.gpus.values[0]
    on = f"{gpus} GPU{'s' if gpus > 1 else ''}"
    if isinstance(work, MergeWorkload):
        return f"Merge of {work.experts.values[0]} × {work.model} by {work.method}, from {work.source} and back, on {on}"
    tokens = amount(work.tokens.centre)
    if isinstance(work, EvaluationWorkload):
        images = f" and {amount(work.images.centre)} images" if work.images else ""
        return f"Evaluation of {work.model} over {tokens} tokens{images}, {work.precision}, sequences of {work.sequence}, on {on}"
    return (
        f"Training of {work.model} over {tokens} tokens, {work.precision}, sequences of {work.sequence}, "
        f"{work.tokens_per_gpu} tokens a GPU between optimiser steps, on {on}"
    )


def estimate_rows(estimates: Sequence[DeviceEstimate]) -> Rows:
    """A row for each device on which the job can run."""
    cells = [
        (
            one.device,
            ranged_words(one.seconds, format_duration),
            str(one.bound_by),
            held_words(one),
            ranged_words(one.energy_j, energy),
            _power(one.power),
            ranged_words(one.price_usd, usd),
            basis_words(one),
        )
        for one in estimates
        if one.refusal is None
    ]
    return Rows("What it takes", ("device", "time", "bound by", "memory a GPU", "energy", "power a GPU", "price", "costs"), tuple(cells))


def refusal_notes(estimates: Sequence[OnDevice]) -> list[str]:
    """Why the job cannot run on some devices, and what would do; those of one reason together."""
    devices: dict[str, list[str]] = {}
    for one in estimates:
        if one.refusal is not None:
            devices.setdefault(one.refusal, []).append(one.device)
    return [f"not on {', '.join(names)}: {refusal}" for refusal, names in devices.items()]


def basis_words(one: OnDevice) -> str:
    """On what a row rests."""
    return "EXTRAPOLATED, datasheet" if one.extrapolated else f"measured ({one.completeness})"


def held_words(one: OnDevice) -> str:
    """Memory of each GPU, of what it has."""
    return f"{size(one.memory_bytes or 0.0)} of {size(one.device_memory_bytes or 0.0)}"


def price_notes(run: Sequence[OnDevice]) -> list[str]:
    """What a GPU-hour was taken to cost, and where nobody says."""
    notes = [f"{one.device}: {usd(one.usd_per_gpu_hour)} a GPU-hour, {one.price_source}" for one in run if one.usd_per_gpu_hour is not None]
    if unpriced := [one.device for one in run if one.usd_per_gpu_hour is None]:
        notes.append(f"no list price is known for {', '.join(unpriced)}; give one with --price '2.49 USD/GPU/h'")
    return notes


def ranged_words(range_: Range | None, written: Callable[[float], str]) -> str:
    return "–" if range_ is None else f"{written(range_.value)} ({written(range_.low)} – {written(range_.high)})"


def _power(draw: Draw | None) -> str:
    """Watts, and where they come from."""
    if draw is None:
        return "–"
    share = "" if draw.measured == 1 else f" for {draw.measured:.0%} of its time"
    return f"{draw.watts:.0f} W, {f'measured{share}' if draw.measured else 'the power limit'}"


def term_rows(estimates: Sequence[DeviceEstimate]) -> Rows:
    """Where the time goes: each part's seconds and share, by device."""
    terms = list(dict.fromkeys(term for one in estimates for term in one.terms_s))
    cells = []
    for one in estimates:
        if one.seconds is None:
            continue
        shares = (
            f"{format_duration(one.terms_s[term])}, {one.terms_s[term] / one.seconds.value:.0%}" if term in one.terms_s else "–"
            for term in terms
        )
        cells.append((one.device, *shares))
    return Rows("Where the time goes", ("device", *terms), tuple(cells))


def estimate_notes(estimates: Sequence[DeviceEstimate], validated: Mapping[str, Validated]) -> list[str]:
    """What a reader must know before using the figures; `validated` by device, where a real queue was run on it."""
    run = [one for one in estimates if one.seconds is not None]
    notes = refusal_notes(estimates)
    for one in run:
        if one.layout is not None:
            kept = "activations recomputed" if one.layout.recompute else "activations kept"
            mfu = f", {one.mfu:.0%} of the bf16 peak (MFU)" if one.mfu is not None else ""
            notes.append(f"{one.device}: {one.layout.sharding}, {kept}, {one.layout.micro_tokens} tokens in a micro-batch{mfu}")
    notes += price_notes(run)
    notes += [f"{one.device}: {validated_phrase(validated[one.device])}" for one in run if one.device in validated]
    powers = [one.power.measured for one in run if one.power is not None]
    if any(measured < 1 for measured in powers):
        notes.append("power that was not measured is at the device's limit: an upper bound, for the GPUs alone")
    if any(powers):
        notes.append("measured power is the device's own counter over the shapes that were profiled, for the GPUs alone")
    if run:
        notes.append(
            "ranges hold the truth 95 % of the time if the calibrations' errors are as stated; queueing, failures and restarts come on top"
        )
    return notes
