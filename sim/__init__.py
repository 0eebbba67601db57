"""Leadtime's simulator: from a scenario to how long work waits and what it costs.

The rooms, in the order in which data flows: ``scenario`` (what a user writes), ``cost`` (seconds, bytes, joules of one
piece of work), ``demand`` (the job table), ``engine`` (SimPy), ``results`` (answers and the run folder), ``study``
(many runs), ``report`` (tables and pages), ``cli``.
"""

__version__ = "0.1.0"
