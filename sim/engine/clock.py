"""SimPy's environment with what the engine needs besides: events at exact times.

`Environment.timeout(d)` fires at now + d, and (t − now) + now is not always t; recorded times here must be the table's own to the last bit.
"""

from heapq import heappush

import simpy

SUPPLY, COMPLETION, ARRIVAL = 0, 1, 2
"""Order of events at one instant: capacity arrives, work ends, then new work comes."""


class Clock(simpy.Environment):
    """A SimPy environment that schedules events at absolute times."""

    def at(self, time_s: float, order: int, event: simpy.Event) -> None:
        """Process `event` at exactly `time_s`; `order` breaks ties, then the order of calls."""
        heappush(self._queue, (time_s, order, next(self._eid), event))  # type: ignore[misc]  # any int orders as its enum does
