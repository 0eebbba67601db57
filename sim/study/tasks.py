"""What a worker is asked and what it answers: replications of plans, several at a time where each is short.

A preparation travels pickled and is unpickled once by each worker, however many of its replications that worker runs.
"""

import pickle
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import sim
from sim.scenario.errors import InputError
from sim.study.preparation import Preparation
from sim.study.replication import Replication, replicate


class Task(NamedTuple):
    """One replication of a plan; `plan` is what messages call it."""

    preparation: Preparation
    number: int
    plan: str = ""

    @property
    def name(self) -> str:
        return f"replication {self.number} of {self.plan or self.preparation.scenario.name}"


class Done(NamedTuple):
    """A replication and the seconds it took."""

    replication: Replication
    seconds: float


def run_task(task: Task) -> Done:
    began = time.perf_counter()
    return Done(replicate(task.preparation, task.number), time.perf_counter() - began)


class Chunk(NamedTuple):
    """Tasks on their way to a worker: (index into `plans`, number of the replication) each."""

    version: str
    plans: tuple[bytes, ...]
    tasks: tuple[tuple[int, int], ...]


def pack(tasks: Sequence[Task]) -> Chunk:
    plans = tuple(dict.fromkeys(task.preparation.packed for task in tasks))
    return Chunk(sim.__version__, plans, tuple((plans.index(task.preparation.packed), task.number) for task in tasks))


def run_chunk(chunk: Chunk) -> list[Done]:
    """Run on a worker; InputError where it has another version of Leadtime, whose numbers would not go with ours."""
    if chunk.version != sim.__version__:
        says = f"a worker has leadtime {sim.__version__}, and this is {chunk.version}; install the same on all"
        raise InputError.of(says, where="--cluster")
    return [run_task(Task(_unpacked(chunk.plans[plan]), number)) for plan, number in chunk.tasks]


def ready() -> None:
    """Nothing: a worker that is asked this has imported what `run_chunk` needs."""


@lru_cache(maxsize=8)
def _unpacked(packed: bytes) -> Preparation:
    preparation: Preparation = pickle.loads(packed)
    return preparation
