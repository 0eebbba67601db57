"""The page that runs a scenario as it is edited."""

import tempfile
from dataclasses import replace
from pathlib import Path

import streamlit as st

from dashboard.running import run_button, running, show_kept
from dashboard.varying import scenarios_here
from sim.report.saving import save
from sim.scenario.document import Document, read_document
from sim.scenario.errors import InputError
from sim.scenario.loading import shipped_scenarios
from sim.study.comparison import plan_documents, run_plans, study_name
from sim.study.preparation import prepare
from sim.study.run import run_name, run_plan

FILE, KEPT = "scenario.yaml", "kept"


def page() -> None:
    """A scenario to start from, its text to edit, and a button that runs it and keeps the run."""
    offered, shipped = scenarios_here(), shipped_scenarios()
    st.header("Run a scenario")
    name = st.selectbox("Start from", offered, index=offered.index("second-source"), key="start", persist_state="session")
    written = shipped.get(name, Path(name)).read_text(encoding="utf-8", errors="replace")
    text = st.text_area(
        "Scenario (edit it, or paste your own; paths in it count from the folder that the dashboard was started in)",
        written,
        height=420,
        key=f"text-{name}-{hash(written)}",  # a file that has changed since is shown as it is now
        persist_state="session",
    )
    count_at, run_at, text_at = st.columns([1, 1, 2], vertical_alignment="bottom")
    replications = count_at.number_input(
        "Replications (empty: as written)", min_value=1, value=None, step=1, key="replications", persist_state="session"
    )
    text_at.download_button("Download this text", text, f"{Path(name).stem}.yaml", "application/yaml", key="download", on_click="ignore")
    with run_button(run_at, "Run", key="run-scenario") as clicked:
        if clicked:
            st.session_state.pop(KEPT, None)
            document = _document(text)
            if replications is not None:
                document = document.override("replications", int(replications), place="Replications")
            st.session_state[KEPT] = (_run(document), (text, replications))
    show_kept(KEPT, (text, replications))


def _run(document: Document) -> Path:
    plans = plan_documents(document)
    name = study_name([prepare(one) for one in plans.values()]) if plans else run_name(prepare(document))
    with running("Running…", name) as runner:
        return save(run_plans(plans, runner) if plans else run_plan(document, runner=runner))


def _document(text: str) -> Document:
    """The edited text as a document whose errors say line and column of the text; read from here, so that its paths count from here."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=".", prefix=".", suffix=".part", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            path = Path(file.name)
            document = read_document(path, shipped=shipped_scenarios())
    except InputError as error:
        raise InputError([replace(one, where=one.where.replace(str(path), FILE)) for one in error.problems]) from None
    except OSError as error:
        where = str(Path.cwd())
        raise InputError.of(f"cannot be written to ({error.strerror}); start the dashboard in another folder", where=where) from None
    places = {key: place.replace(str(path), FILE) for key, place in document.places.items()}
    return replace(document, file=FILE, places=places)
