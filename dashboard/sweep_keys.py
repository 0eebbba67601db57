"""The page of sweeps: keys and their values, a button, and the trade-off of every plan they make."""

from typing import Any

import streamlit as st

from dashboard.showing import errors_shown, progress_shown, show_folder
from dashboard.varying import choose_scenario, choose_values
from sim.report.saving import save_sweep
from sim.report.words import title
from sim.scenario.document import Document
from sim.scenario.loading import validate
from sim.study.runner import Runner
from sim.study.sweep import WAIT, prepare_sweep

PLACE = "this page"
KEPT = "swept"


def page() -> None:
    """What to vary, how many plans, what to keep low, and a button that runs and keeps the sweep."""
    st.header("Sweep")
    with errors_shown():
        name, document = choose_scenario("sweep")
        scenario = validate(document)
        words = document.data.get("study", {}).get("sweep") or {}
        written = {key: values for key, values in words.items() if key not in ("sample", "points")}
        over = choose_values(document, written, f"sweep-{name}")
        target_at, points_at, replications_at, run_at = st.columns([2, 1, 1, 1], vertical_alignment="bottom")
        targets = [WAIT, "wait.mean", *(f"workload.{one}.wait.p95" for one in scenario.workloads)]
        target = target_at.selectbox("Keep low, beside the cost", targets, format_func=title, key="sweep-target")
        points = points_at.number_input("Sample of (empty: all)", min_value=1, value=None, step=10, key="sweep-points")
        replications = replications_at.number_input(
            "Replications", min_value=1, value=min(scenario.replications, 5), step=1, key=f"sweep-replications-{name}"
        )
        if run_at.button("Run the sweep", type="primary", key="sweep-run"):
            st.session_state.pop(KEPT, None)
            _run(document.override("replications", int(replications), place=PLACE), over, points, target)
    if KEPT in st.session_state:
        with errors_shown():
            st.success(f"Kept in `{st.session_state[KEPT]}`")
            show_folder(st.session_state[KEPT], key="swept")


def _run(document: Document, over: dict[str, Any], points: int | None, target: str) -> None:
    sample = {} if points is None else {"sample": "latin-hypercube", "points": int(points)}
    sweep = prepare_sweep(document.override("study", {"sweep": over | sample}, place=PLACE), target)
    with progress_shown("Running every plan…") as step, Runner(progress=step) as runner:
        st.session_state[KEPT], _ = save_sweep(sweep, runner=runner)
