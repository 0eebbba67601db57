"""What every trace reader returns: recorded jobs as columns, and an honest count of the rows that could not be used."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.demand.table import Floats, Ints
from sim.scenario.errors import InputError

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RecordedJobs:
    """Usable rows, ordered by submission; `submit_s` counts from the first of them.

    `estimate_s` and `logged_wait_s` are NaN where the trace has none (−1 or 0 is no estimate), `tenants` is empty where it names none.
    `unusable` maps a reason to a number of rows.
    """

    submit_s: Floats
    gpus: Ints
    duration_s: Floats
    estimate_s: Floats
    priority: Ints
    tenant: Ints
    tenants: tuple[str, ...]
    logged_wait_s: Floats
    unusable: dict[str, int]
    began_s: float = 0.0
    """When the first of them was submitted, by the file's own count."""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.submit_s)

    @classmethod
    def of(
        cls,
        path: Path,
        submit_s: Floats,
        gpus: Floats,
        duration_s: Floats,
        *,
        refused: list[tuple[str, Bools]],
        tenant: NDArray[np.object_] | None = None,
        estimate_s: Floats | None = None,
        priority: Floats | None = None,
        logged_wait_s: Floats | None = None,
        notes: tuple[str, ...] = (),
    ) -> Self:
        """Keep the usable rows. `refused` gives reasons with the rows they hold for; each row is counted under its first.

        InputError where no row is left.
        """
        count = len(submit_s)
        usable, unusable = np.ones(count, bool), {}
        common = [
            ("no submission time in seconds or as 2024-01-31T12:00:00", ~np.isfinite(submit_s)),
            ("asks for no GPU", gpus == 0),
            (
                "GPU count missing or not a whole number above 0",
                ~(np.isfinite(gpus) & (gpus >= 1) & (gpus == np.round(gpus)) & (gpus < 2**31)),
            ),
            ("no duration above 0", ~(np.isfinite(duration_s) & (duration_s > 0))),
        ]
        for reason, rows in [*refused, *common]:
            hit = usable & rows
            if hit.any():
                unusable[reason] = int(hit.sum())
                usable &= ~rows
        if not usable.any():
            found = "; ".join(f"{number} × {reason}" for reason, number in unusable.items()) or "it is empty"
            raise InputError.of(f"has no usable row ({found}); check 'columns' and 'format'", where=str(path))
        order = np.flatnonzero(usable)[np.argsort(submit_s[usable], kind="stable")]
        nothing = np.full(count, np.nan)
        names, code = np.unique(np.full(count, "") if tenant is None else tenant[:].astype(str), return_inverse=True)
        return cls(
            submit_s=submit_s[order] - submit_s[order[0]],
            gpus=gpus[order].astype(np.int32),
            duration_s=duration_s[order],
            estimate_s=(nothing if estimate_s is None else np.where(estimate_s > 0, estimate_s, np.nan))[order],
            priority=np.nan_to_num(np.zeros(count) if priority is None else priority)[order].astype(np.int32),
            tenant=code[order].astype(np.int32),
            tenants=() if tenant is None else tuple(str(name) for name in names),
            logged_wait_s=(nothing if logged_wait_s is None else logged_wait_s)[order],
            unusable=unusable,
            began_s=float(submit_s[order[0]]),
            notes=notes,
        )


Reader = Callable[[Path, dict[str, str], dict[str, str]], RecordedJobs]
"""(path, columns, where) → jobs."""
