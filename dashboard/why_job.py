"""Why one job of a run waited, asked by its number; the one that waited longest to begin with."""

from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.showing import plain, show_rows
from sim.report.why_rows import held_rows, other_rows, reason_rows, stretch_rows, why_headline
from sim.results.history import read_history
from sim.results.why import why


def ask_why(folder: Path, *, key: str) -> None:
    """A number to choose, and the answer from the run folder's tables."""
    st.subheader("Why did a job wait?", divider="gray")
    history = read_history(folder)
    longest = int(np.nan_to_num(history.records.waited_s(history.jobs.arrival_s)).argmax())
    job = st.number_input("Job (a row of jobs.parquet)", 0, len(history.jobs) - 1, longest, key=f"{key}-job-{folder}")
    answer = why(history, int(job))
    st.write(plain(why_headline(answer)))
    for rows in (reason_rows(answer), stretch_rows(answer), held_rows(answer), *other_rows(answer)):
        show_rows(rows)
