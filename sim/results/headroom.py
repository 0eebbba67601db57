"""Headroom: how many GPUs of the capacity would be free if no more than a target share of it should work.

What jobs bring (GPU-seconds of those that arrive, over the time in which they arrive) is set against the share of the capacity that there
is: unlike GPUs in use, it goes on growing when all of them work. Nodes that a quota does not let be used are no capacity. Taken over moving
weeks, so that nights and weekends do not count as headroom.
"""

import math

import numpy as np

from sim.demand.table import Floats
from sim.results.usage import Timeline
from sim.scenario.units import HOUR, WEEK


def window_s(horizon_s: float) -> float:
    """How long the moving weeks are: a quarter of the horizon, where that is shorter than a week."""
    return min(WEEK, horizon_s / 4)


def moving_headroom(free: Floats, horizon_s: float) -> tuple[Floats, Floats]:
    """(ends, means) of `free` GPUs, equal spans along its last axis, over each moving week, as long as `window_s` says."""
    spans, length_s = free.shape[-1], window_s(horizon_s)
    edges = np.linspace(0.0, horizon_s, spans + 1)
    total = np.concatenate([np.zeros((*free.shape[:-1], 1)), np.cumsum(free, axis=-1)], axis=-1) * (horizon_s / spans)
    ends = edges[edges >= length_s * (1 - 1e-9)]
    # A window may begin inside a span, whose level is its mean: what it holds is read off the integral, which is then a straight line.
    held = np.apply_along_axis(lambda row: np.interp(ends, edges, row) - np.interp(ends - length_s, edges, row), -1, total)
    return ends, np.asarray(held / length_s)


def headroom_figures(timeline: Timeline, target_utilisation: float, horizon_s: float) -> dict[str, float]:
    """``headroom.least_gpus``, ``headroom.end_gpus`` and ``headroom.gone_s``: from when there is none; NaN where some is left."""
    if horizon_s < HOUR:  # work of so short a time tells no rate: a trace of one job ends a second after it arrives
        return {}
    ends, free = moving_headroom(target_utilisation * timeline.capacity.sum(axis=0) - timeline.offered.sum(axis=0), horizon_s)
    left = np.flatnonzero(free >= 0)
    gone = math.nan if free[-1] >= 0 else float(ends[left[-1] + 1 if len(left) else 0])
    return {"headroom.least_gpus": float(free.min()), "headroom.end_gpus": float(free[-1]), "headroom.gone_s": gone}
