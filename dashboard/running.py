"""How a page runs something: a button that cannot be clicked twice, a bar, and a result that is kept on the page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.showing import errors_shown, show_folder
from sim.report.saving import RUNS
from sim.scenario.errors import InputError
from sim.study.runner import Runner
from sim.study.store import resumable

STOPS = (
    "Leaving this page or changing a field stops the run. The replications that ended by then are kept where they took more than a few "
    "seconds, and the same run goes on from there."
)


@contextmanager
def run_button(at: DeltaGenerator, label: str, *, key: str, ready: bool = True) -> Iterator[bool]:
    """Whether the button was clicked; it is disabled while the block runs what it starts. What goes wrong in the block is told once."""
    clicked, wrong = bool(st.session_state.get(key)), f"{key}-wrong"
    at.button(label, type="primary", disabled=clicked or not ready, key=key)
    with errors_shown():
        if wrong in st.session_state:
            raise st.session_state.pop(wrong)
    try:
        yield clicked and ready
    except InputError as error:
        st.session_state[wrong] = error
    if clicked:  # the page anew, so that the button can be clicked again
        st.rerun()


@contextmanager
def running(what: str, name: str) -> Iterator[Runner]:
    """A runner for the study whose folder is called `name`: a spinner and a bar that fills as replications end."""
    with resumable(RUNS / name, name) as store, _progress(what) as step, Runner(progress=step, store=store) as runner:
        yield runner


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int, str], None]]:
    note_at = st.empty()
    note_at.caption(STOPS)
    with st.spinner(what):
        bar = st.progress(0.0)

        def step(done: int, total: int, note: str = "") -> None:
            bar.progress(done / total, text=", ".join(filter(None, (f"{done} of {total} replications", note))))

        try:
            yield step
        finally:
            bar.empty()
            note_at.empty()


def show_kept(key: str, asked: object) -> None:
    """The folder kept under `key` with what was asked for, if there is one; it says so where something else is asked for by now."""
    if key not in st.session_state:
        return
    folder, of = st.session_state[key]
    if of == asked:
        st.success(f"Kept in `{folder}`")
    else:
        st.warning(f"Kept in `{folder}`, and of an earlier choice: what stands above has changed since.")
    with errors_shown():
        show_folder(folder, key=key)
