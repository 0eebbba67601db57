"""The page of sweeps: keys and their values, a button, and the trade-off of every plan they make."""

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.running import run_button, running, show_kept
from dashboard.showing import errors_shown
from dashboard.varying import choose_replications, choose_scenario, choose_values, combinations
from sim.report.saving import save_sweep
from sim.report.words import title
from sim.scenario.document import Document
from sim.scenario.loading import validate
from sim.study.sweep import WAIT, prepare_sweep

PLACE = "this page"
SAMPLE = (
    "Empty: every combination. A number: so many plans, spread evenly over the values (a Latin hypercube); ranges without a step need one."
)


def page() -> None:
    """What to vary, how many plans, what to keep low, and a button that runs and keeps the sweep."""
    st.header("Sweep")
    st.caption(
        "Runs the plans that these values make, all on the same demand, and shows which of them no other beats in both cost and wait."
    )
    with errors_shown():
        name, document = choose_scenario("sweep")
        kept = f"swept-{name}"
        scenario = validate(document)
        words = document.data.get("study", {}).get("sweep") or {}
        written = {key: values for key, values in words.items() if key not in ("sample", "points")}
        over = choose_values(document, written, f"sweep-{name}")
        target_at, points_at, replications_at, run_at = st.columns([2, 1, 1, 1], vertical_alignment="bottom")
        targets = [WAIT, "wait.mean", *(f"workload.{one}.wait.p95" for one in scenario.workloads)]
        target = target_at.selectbox(
            "Keep low, beside the cost", targets, format_func=title, key=f"sweep-target-{name}", persist_state="session"
        )
        points = points_at.number_input(
            "Plans", min_value=1, value=None, step=10, placeholder=_all_of(over), help=SAMPLE, key="sweep-points", persist_state="session"
        )
        replications = choose_replications(replications_at, "Replications of each", scenario, key=f"sweep-replications-{name}")
        sample = {} if points is None else {"sample": "latin-hypercube", "points": int(points)}
        wanted = document.override("replications", replications, place=PLACE)
        wanted = wanted.override("study", {"sweep": (over or {}) | sample}, place=PLACE)
        asked = (wanted.digest(), target)
        with run_button(run_at, "Run the sweep", key="sweep-run", ready=over is not None) as clicked:
            if clicked:
                st.session_state.pop(kept, None)
                st.session_state[kept] = (_run(wanted, target), asked)
        show_kept(kept, asked)


def _all_of(over: dict[str, Any] | None) -> str:
    count = combinations(over) if over else None
    return "a number" if count is None else f"all {count:,}"


def _run(document: Document, target: str) -> Path:
    sweep = prepare_sweep(document, target)
    with running("Running every plan…", sweep.folder_name) as runner:
        folder, _ = save_sweep(sweep, runner=runner)
    return folder
