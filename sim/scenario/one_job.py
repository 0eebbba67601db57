"""One job, asked about on the command line: the same words as in a scenario, each given as the flag of its key's name.

The flags become a document whose places are the flags, so that a wrong one is reported exactly as a wrong line of a file is.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import TypeAdapter

from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import Words, read_words
from sim.scenario.model import Word
from sim.scenario.units import Bandwidth, PositiveDuration, Price, Rate, Whole
from sim.scenario.workloads import EvaluationWorkload, MergeWorkload, TrainingWorkload, Workload

OneJob = MergeWorkload | TrainingWorkload | EvaluationWorkload
Kind = Literal["merge", "training", "evaluation"]
_ALONE = {"rate": "1/d"}
"""A workload has arrivals; nothing that is asked of one job reads them."""


class Setting(Word):
    """Where the job would run: node size and network as a pool has them, and what a GPU-hour costs (a list price where absent)."""

    gpus_per_node: Annotated[int, Whole(1, "the number of GPUs in a node")] = 8
    intra_node: Bandwidth | None = None
    inter_node: Bandwidth | None = None
    price: Price | None = None


class Serving(Word):
    """A model that is served: requests of so many tokens, as many at once as memory and `tpot` (seconds for a further token) allow, and
    how many come."""

    model: str
    gpus: Annotated[int, Whole(1, "the number of GPUs of a replica")] = 1
    prompt: Annotated[int, Whole(1, "the number of tokens in a prompt")] = 800
    output: Annotated[int, Whole(1, "the number of tokens in an answer")] = 220
    tpot: PositiveDuration | None = None
    rate: Rate | None = None


def read_serving(flags: Mapping[str, str]) -> Serving:
    """What is served, as flags (by key) describe it; InputError naming each wrong one."""
    return _read(TypeAdapter(Serving), dict(flags))


def read_job(kind: Kind, flags: Mapping[str, str]) -> OneJob:
    """The workload that flags (by kebab-case key) describe; InputError naming each wrong one."""
    work: Any = _read(TypeAdapter(Workload), {"kind": kind, "arrivals": _ALONE, **flags})
    assert isinstance(work, OneJob)
    return work


def read_setting(flags: Mapping[str, str]) -> Setting:
    """The setting that flags describe; InputError naming each wrong one."""
    return _read(TypeAdapter(Setting), dict(flags))


def _read(kind: TypeAdapter[Words], data: dict[str, Any]) -> Words:
    document = Document(data, "leadtime estimate", FilePath(), {(key,): f"--{key}" for key in data})
    try:
        return read_words(kind, document)
    except InputError as error:
        raise InputError([replace(problem, key="") for problem in error.problems]) from None
