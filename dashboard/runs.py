"""The page of finished runs and studies."""

from pathlib import Path

import streamlit as st

from dashboard.showing import errors_shown, show_basis, show_comparison, show_folder
from dashboard.why_job import ask_why
from sim.report.reading import described
from sim.report.saving import RUNS
from sim.results.run_folder import SUMMARY, is_run
from sim.study.comparison import compare_folders


def page(given: list[Path]) -> None:
    """Show one of the `given` run folders, or of those under ``runs/`` where none was given; the newest first. A run beside others too."""
    folders = given or sorted(
        (folder for folder in RUNS.glob("[!.]*") if is_run(folder)), key=lambda one: one.stat().st_mtime, reverse=True
    )
    if not folders:
        st.header("No runs yet")
        st.write("There is no run folder under `runs/` here. Run a scenario on the next page, or with `leadtime run second-source`.")
        return
    folder = st.selectbox("Run folder", folders, format_func=described, key="run")
    alone = [one for one in folders if (one / SUMMARY).is_file()]
    others = [one for one in alone if one.name != folder.name] if folder in alone else []
    beside = st.multiselect("Compare with", others, format_func=described, key=f"beside-{folder}") if others else []
    with errors_shown():
        if beside:
            comparison = compare_folders([folder, *beside])
            show_comparison(comparison)
            show_basis(comparison.plans[comparison.base])
            return
        shown = show_folder(folder, key="runs")
        if shown is not None:
            ask_why(shown, key="runs")
