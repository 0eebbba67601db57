"""Which jobs are taken, and what they are told: every job (the default), none beyond a full queue, or each with a promised start."""

from typing import Annotated

from pydantic import Field

from sim.scenario.model import Word
from sim.scenario.units import Duration, Whole


class RejectWhen(Word):
    """A job is turned away where each pool that could run it holds so many waiting jobs already, or would make it wait longer.

    A job that can start at once is never turned away for `waiting_jobs`.
    """

    waiting_jobs: Annotated[int, Whole(0, "the number of waiting jobs")] | None = None
    expected_wait: Duration | None = None


class Promise(Word):
    """Each job taken is promised a start: `factor` times its expected wait, and `grace`, after its arrival."""

    factor: Annotated[float, Field(ge=1, strict=False)] = 1.0
    grace: Duration = 0.0


class AdmissionPolicy(Word):
    """Jobs turned away are counted and gone: they do not come again."""

    reject_when: RejectWhen | None = None
    promise: Promise | None = None
