"""How commands run replications: with a bar, over the workers that the flags ask for, and so that a stopped study can go on."""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sim.cli.progress import progress

if TYPE_CHECKING:
    from sim.scenario.document import Document
    from sim.study.runner import Runner
    from sim.study.store import Store


@contextmanager
def resumable_study(name: str, documents: Iterable["Document"], options: argparse.Namespace) -> Iterator["Store"]:
    """The store of the study of that folder name and those scenarios; run and keep it within the block.

    InputError where the folder that was asked for exists.
    """
    from sim.report.saving import RUNS
    from sim.study.store import refuse_finished, resumable

    if options.out is not None:
        refuse_finished(options.out, name, documents)
    with resumable(RUNS / name if options.out is None else options.out, name) as store:
        yield store


@contextmanager
def running(options: argparse.Namespace, store: "Store") -> Iterator["Runner"]:
    """A runner as `sim.cli.arguments.add_running_flags` asks for it; its bar is gone when the block ends."""
    from sim.study.runner import Runner

    with progress("replications") as step, Runner(options.workers, step, options.cluster, store) as runner:
        yield runner
