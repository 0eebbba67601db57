"""Where tasks run, as `sim.study.dispatch` sees it. Two kinds: processes of this machine, and a Dask cluster."""

from concurrent.futures import Executor
from typing import Protocol


class Site(Protocol):
    """`lost` are the exceptions that say that a worker died, `gone` those that say that no worker will answer again."""

    where: str
    lost: tuple[type[BaseException], ...]
    gone: tuple[type[BaseException], ...]
    executor: Executor

    @property
    def slots(self) -> int:
        """Tasks that run side by side, at least 1."""
        ...

    def close(self) -> None:
        """End what this site started, and what it runs there, at once."""
        ...
