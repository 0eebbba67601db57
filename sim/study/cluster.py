"""A Dask cluster as a place where tasks run, through the executor that its client offers (extra ``cluster``).

Dask itself runs tasks again when a worker dies, and gives up on those that were on too many dying workers.
"""

import logging
import math
import re
import time
from concurrent.futures import CancelledError, Executor
from typing import Any

from sim.scenario.errors import InputError

ANSWERS_WITHIN_S = 5.0
COUNTED_EVERY_S = 1.0


class Cluster:
    """A `Site`: the Dask scheduler at `address`; InputError where nothing answers there, or Dask is not installed."""

    def __init__(self, address: str) -> None:
        self.where = f"--cluster {address}"
        if not re.fullmatch(r"[a-z]+://[^/]+:\d+", address):
            raise InputError.of(
                "is no address of a scheduler; write one as 'dask scheduler' prints it, as in tcp://10.0.0.1:8786", where=self.where
            )
        try:
            import distributed
            from distributed.comm.core import CommClosedError
            from distributed.scheduler import KilledWorker
        except ImportError:
            raise InputError.of("needs Dask; run pip install 'leadtime[cluster]', here and on the workers", where=self.where) from None
        for name in ("distributed", "distributed.client", "tornado.application"):  # what they say of a lost connection is one error of ours
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            client: Any = distributed.Client
            self._client = client(address, timeout=ANSWERS_WITHIN_S, set_as_default=False)
        except (OSError, ValueError, TypeError):
            raise InputError.of(
                f"no Dask scheduler answers there within {ANSWERS_WITHIN_S:g} s; start one with 'dask scheduler', or run without --cluster",
                where=self.where,
            ) from None
        self._slots, self._counted_s = 1, -math.inf
        self.executor: Executor = self._client.get_executor(pure=False)
        self.lost: tuple[type[BaseException], ...] = (KilledWorker,)
        self.gone: tuple[type[BaseException], ...] = (CancelledError, CommClosedError, OSError)

    @property
    def slots(self) -> int:
        """Threads of the workers that are there now: they may come and go. Raises one of `gone` once the scheduler is."""
        if self._client.status != "running":
            raise ConnectionError(self.where)
        if time.monotonic() >= self._counted_s + COUNTED_EVERY_S:  # the scheduler is asked, and has better to do
            threads: dict[str, int] = self._client.nthreads()
            self._slots, self._counted_s = max(1, sum(threads.values())), time.monotonic()
        return self._slots

    def close(self) -> None:
        self.executor.shutdown(wait=False)
        self._client.close(timeout=ANSWERS_WITHIN_S)
