"""Streamlit's AppTest runs a page as the main module, and leaves it there; spawned processes start by running the main module."""

import sys
from collections.abc import Iterator

import pytest

import sim.study.runner


@pytest.fixture(autouse=True)
def main_module_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real main module back in its place after each test; while a page stands there, nothing is spawned."""
    monkeypatch.setattr(sim.study.runner, "WORTH_PROCESSES_S", float("inf"))
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before
