"""What all replications of a plan share, worked out once: the validated scenario, its calibrations, node types and costs."""

import hashlib
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import sim
from sim.cost.calibration import Calibration
from sim.cost.collectives import NodeType
from sim.cost.devices import calibrations_for, validations_for
from sim.cost.durations import CostTable, check_model, families, node_type
from sim.cost.validation import Validation
from sim.demand.file_state import state_of
from sim.demand.spot_trace import open_spot_trace
from sim.demand.streams import stream
from sim.results.power import PowerDraw, power_draws
from sim.results.tariff import tariff
from sim.scenario.document import Document
from sim.scenario.errors import InputError, Problem
from sim.scenario.loading import validate
from sim.scenario.offers import SpotOffer
from sim.scenario.providers import Pool
from sim.scenario.scenario import Scenario
from sim.scenario.workloads import TraceWorkload

NOT_OF_A_REPLICATION = ("replications", "until", "intervals", "study")
"""Keys that say which replications and plans there are, and nothing of what happens in one."""


@dataclass(frozen=True)
class Preparation:
    """A plan ready to run. `types` gives each pool's index into `node_types`, in the order of `pools`.

    `errors` by (GPU type, family) fixes how far costs are off, in standard deviations, where they are not to be drawn.
    """

    document: Document
    scenario: Scenario
    calibrations: dict[str, Calibration]
    node_types: tuple[NodeType, ...]
    types: tuple[int, ...]
    validations: dict[str, Validation]
    power: tuple[PowerDraw | None, ...]
    errors: Mapping[tuple[str, str], float] | None = None

    @cached_property
    def pools(self) -> list[Pool]:
        return list(self.scenario.pools().values())

    @cached_property
    def key(self) -> str:
        """SHA-256 of all that a replication follows from, besides its number: version, scenario, calibrations, files it reads."""
        alone = {name: value for name, value in self.document.data.items() if name not in NOT_OF_A_REPLICATION}
        parts = [sim.__version__, json.dumps(alone, sort_keys=True, default=str), repr(self.errors and sorted(self.errors.items()))]
        parts += [calibration.model_dump_json() for calibration in self.calibrations.values()]
        parts += [f"{path} {state_of(path)}" for path in named_files(alone)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @cached_property
    def packed(self) -> bytes:
        """Pickled, for workers."""
        return pickle.dumps(self)

    def costs(self, replication: int) -> CostTable:
        """Costs as they may truly be: each family of each device off by a factor drawn from its calibration's error."""
        drawn = {}
        for gpu, calibration in self.calibrations.items():
            factors = {}
            for family in calibration.fits:
                if self.errors is not None:
                    error = self.errors.get((gpu, family), 0.0)
                else:
                    error = stream(self.scenario.seed, replication, "calibration", calibration.device.id, family).standard_normal()
                factors[family] = float(np.exp(calibration.spread(family) * error))
            drawn[gpu] = calibration.scaled(factors)
        return CostTable(self.node_types, drawn)


def named_files(data: Any) -> Iterator[Path]:
    """Files that a scenario names, such as traces; `Document` holds their paths whole."""
    if isinstance(data, dict | list):
        for value in data.values() if isinstance(data, dict) else data:
            yield from named_files(value)
    elif isinstance(data, str) and os.path.isfile(path := os.path.expandvars(data)) and os.path.isabs(path):
        yield Path(path)


def prepare(document: Document) -> Preparation:
    """Validate and price a document; InputError, with places, for whatever cannot be run."""
    scenario = validate(document)
    try:
        return _prepare(document, scenario)
    except InputError as error:
        raise located(document, error) from None


def located(document: Document, error: InputError) -> InputError:
    """The error with the line of each problem's key, where it has a key and no place, and the plan that it is of."""

    def place(problem: Problem) -> Problem:
        key = tuple(int(part) if part.isdigit() else part for part in problem.key.split("."))
        where = problem.where or (document.place(key) if problem.key else document.file)
        return Problem(f"in plan {document.plan!r}, {problem.message}" if document.plan else problem.message, where, problem.key)

    return type(error)([place(problem) for problem in error.problems])


def _prepare(document: Document, scenario: Scenario) -> Preparation:
    drawn = [(name, work) for name, work in scenario.workloads.items() if not isinstance(work, TraceWorkload)]
    calibrations: dict[str, Calibration] = {}
    problems: list[Problem] = []
    if drawn:
        try:
            calibrations = calibrations_for(scenario.gpu_types(), scenario.calibration)
        except InputError as error:
            problems += [Problem(one.message, one.where, one.key or _gpu_key(scenario, one.message)) for one in error.problems]
        for name, work in drawn:
            try:
                check_model(work)
            except InputError as error:
                problems += error.under(f"workloads.{name}").problems
            for calibration in {one.device.id: one for one in calibrations.values()}.values():
                try:
                    families(work, calibration)
                except InputError as error:
                    problems += error.under(f"workloads.{name}").problems
    problems += _unreadable_supply(scenario)
    power: tuple[PowerDraw | None, ...] = ()
    try:
        power = power_draws(scenario, calibrations)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    by_pool = [node_type(pool, calibrations.get(pool.gpu)) for pool in scenario.pools().values()]
    distinct = tuple(dict.fromkeys(by_pool))
    types = tuple(distinct.index(one) for one in by_pool)
    return Preparation(document, scenario, calibrations, distinct, types, validations_for(calibrations, scenario.calibration), power)


def _unreadable_supply(scenario: Scenario) -> list[Problem]:
    """Problems of the files that supply follows: recorded prices and spot zones. They are read once, here first."""
    problems: list[Problem] = []
    for (provider, name), pool in scenario.pools().items():
        offer, key = pool.offer, f"providers.{provider}.pools.{name}.offer"
        try:
            tariff(pool)
        except InputError as error:
            problems += error.under(f"{key}.{offer.kind}").problems
        if isinstance(offer, SpotOffer) and offer.reclaim.trace is not None:
            try:
                open_spot_trace(offer.reclaim.trace, offer.reclaim.zone)
            except InputError as error:
                problems += error.under(f"{key}.reclaim").problems
    return problems


def _gpu_key(scenario: Scenario, message: str) -> str:
    """The key of the pool whose GPU type the message names."""
    for (provider, name), pool in scenario.pools().items():
        if repr(pool.gpu) in message:
            return f"providers.{provider}.pools.{name}.gpu"
    return "calibration"
