"""The page that runs a scenario as it is edited."""

import tempfile
from dataclasses import replace
from pathlib import Path

import streamlit as st

from dashboard.showing import errors_shown, progress_shown, show_folder
from sim.report.saving import save
from sim.scenario.document import Document, read_document
from sim.scenario.errors import InputError
from sim.scenario.loading import shipped_scenarios
from sim.study.comparison import plan_documents, run_plans
from sim.study.run import run_plan
from sim.study.runner import Runner

FILE = "scenario.yaml"


def page() -> None:
    """A scenario to start from, its text to edit, and a button that runs it and keeps the run."""
    shipped = shipped_scenarios()
    st.header("Run a scenario")
    name = st.selectbox("Start from", list(shipped), index=list(shipped).index("second-source"), key="start")
    text = st.text_area(
        "Scenario (edit it, or paste your own; paths in it must be absolute)",
        shipped[name].read_text(encoding="utf-8"),
        height=420,
        key=f"text-{name}",
    )
    left, right = st.columns([1, 3], vertical_alignment="bottom")
    replications = left.number_input("Replications (empty: as written)", min_value=1, value=None, step=1, key="replications")
    if right.button("Run", type="primary", key="run-scenario"):
        st.session_state.pop("kept", None)
        with errors_shown(), progress_shown("Running…") as step, Runner(progress=step) as runner:
            document = _document(text)
            if replications is not None:
                document = document.override("replications", int(replications), place="Replications")
            plans = plan_documents(document)
            st.session_state["kept"] = save(run_plans(plans, runner) if plans else run_plan(document, runner=runner))
    if "kept" in st.session_state:
        with errors_shown():
            st.success(f"Kept in `{st.session_state['kept']}`")
            show_folder(st.session_state["kept"], key="kept")


def _document(text: str) -> Document:
    """The edited text as a document whose errors say line and column of the text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        path.write_text(text, encoding="utf-8")
        try:
            document = read_document(path, shipped=shipped_scenarios())
        except InputError as error:
            raise InputError([replace(one, where=one.where.replace(str(path), FILE)) for one in error.problems]) from None
    places = {key: place.replace(str(path), FILE) for key, place in document.places.items()}
    return replace(document, file=FILE, places=places)
