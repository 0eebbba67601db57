"""The page that finds the cheapest plan: ranges to look in, a button, and the answer with its reasons."""

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.running import run_button, running, show_kept
from dashboard.showing import errors_shown, plain
from dashboard.varying import choose_replications, choose_scenario, choose_values
from sim.report.saving import save
from sim.report.words import title
from sim.scenario.document import Document
from sim.scenario.loading import validate
from sim.scenario.units import format_duration
from sim.study.bounds import limits_of
from sim.study.optimise import optimise, prepare_optimisation
from sim.study.preparation import prepare
from sim.study.run import run_name

PLACE = "this page"


def page() -> None:
    """The targets to meet, what may vary, and a button that searches and keeps the answer."""
    st.header("Cheapest plan")
    st.caption(
        "Looks among these values for the plan that costs least and meets every target, and confirms it on demand that it has not seen."
    )
    with errors_shown():
        name, document = choose_scenario("cheapest")
        kept = f"cheapest-{name}"
        scenario = validate(document)
        targets = ", ".join(f"{title(figure)} at most {format_duration(limit)}" for figure, limit in limits_of(scenario).items())
        st.markdown(f"**Targets**: {plain(targets) or 'none; a workload needs one, as in `target: {wait: {p95: 1 h}}`'}")
        words = document.data.get("study", {}).get("optimise") or {}
        over = choose_values(document, words.get("over", {}), f"cheapest-{name}")
        trials_at, confirm_at, replications_at, run_at = st.columns(4, vertical_alignment="bottom")
        trials = trials_at.number_input(
            "Plans to try, about", min_value=1, value=60, step=10, key="cheapest-trials", persist_state="session"
        )
        confirm = confirm_at.number_input(
            "Replications to confirm", min_value=2, value=20, step=10, key="cheapest-confirm", persist_state="session"
        )
        replications = choose_replications(replications_at, "Replications to search", scenario, key=f"cheapest-replications-{name}")
        sought: dict[str, Any] = {"over": over, "trials": int(trials), "confirm": int(confirm)}
        wanted = document.override("replications", replications, place=PLACE).override("study", {"optimise": sought}, place=PLACE)
        with run_button(run_at, "Find the cheapest plan", key="cheapest-run", ready=over is not None) as clicked:
            if clicked:
                st.session_state.pop(kept, None)
                st.session_state[kept] = (_find(wanted), wanted.digest())
        show_kept(kept, wanted.digest())


def _find(document: Document) -> Path:
    problem = prepare_optimisation(document)
    with running("Searching…", run_name(prepare(problem.document))) as runner:
        return save(optimise(problem, runner))
