"""The dashboard's entry: five pages over the public functions of `sim`. Run folders to show come as arguments."""

import sys
from pathlib import Path

import streamlit as st

from dashboard import find_cheapest, runs, sweep_keys, trade_offs, try_scenario


def main(given: list[Path]) -> None:
    """Draw the page that was chosen; `given` are run folders to offer instead of those under ``runs/``."""
    st.set_page_config(page_title="Leadtime", page_icon="⏳", layout="wide")
    pages = [
        st.Page(lambda: runs.page(given), title="Runs", default=True),
        st.Page(try_scenario.page, title="Run a scenario", url_path="scenario"),
        st.Page(trade_offs.page, title="Trade-offs", url_path="trade-offs"),
        st.Page(sweep_keys.page, title="Sweep", url_path="sweep"),
        st.Page(find_cheapest.page, title="Cheapest plan", url_path="cheapest"),
    ]
    st.navigation(pages).run()


if __name__ == "__main__":  # worker processes import this file too, under another name
    main([Path(argument) for argument in sys.argv[1:]])
