"""The pages of sweeps and of the cheapest plan, driven without a browser."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from dashboard.showing import plain
from sim.results.run_folder import SWEEP
from sim.study.optimisation import read_optimisation
from sim.study.sweep import read_sweep

TIMEOUT_S = 120
OWN, RENTED = (f"providers.{one}.pools.machines.nodes" for one in ("committed", "by-the-hour"))
WAIT = "policy.routing.overflow-when.expected-wait"

MINE = """# How long do a few merges wait here?
name: mine
horizon: 3 d
warmup: 1 d
replications: 1
workloads:
  merges: {kind: merge, model: llama-3.1-8b, arrivals: {rate: 100/d}}
providers:
  here: {pools: {box: {gpu: amd-epyc-f26-avx512-2c, nodes: 1, gpus-per-node: 1, offer: {owned: 0.05 USD/GPU/h}}}}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["app.py"])


def _sweep_page() -> None:
    from dashboard import sweep_keys

    sweep_keys.page()


def _cheapest_page() -> None:
    from dashboard import find_cheapest

    find_cheapest.page()


def _runs_page() -> None:
    from dashboard import runs

    runs.page([])


def _opened(page: Callable[[], None]) -> AppTest:
    app = AppTest.from_function(page, default_timeout=TIMEOUT_S).run()
    assert not app.exception
    assert not app.error
    return app


def _table(app: AppTest, heading: str) -> list[list[str]]:
    frames = [frame.value for frame in (*app.dataframe, *app.table)]
    return next(frame.to_numpy().tolist() for frame in frames if frame.columns[0] == "plan" and heading in frame.columns)


def test_a_sweep_runs_what_its_fields_say_and_is_kept() -> None:
    """The scenario's own sweep stands there at first; changed values, one key less, and what is kept can be looked at again."""
    app = _opened(_sweep_page)
    assert app.multiselect[0].value == [OWN, RENTED]
    app.multiselect[0].set_value([OWN]).run()
    app.text_input(key=f"sweep-cheapest-mix-values-{OWN}").set_value("8, 14").run()
    app.number_input(key="sweep-replications-cheapest-mix").set_value(1).run()
    app.button(key="sweep-run").click().run()
    assert not app.exception
    assert not app.error
    (folder,) = (path for path in Path("runs").glob("*") if (path / SWEEP).is_file())
    sweep = read_sweep(folder)
    assert [one.values for one in sweep.plans.values()] == [{OWN: 8}, {OWN: 14}]
    assert [row[0] for row in _table(app, "nodes")] == sweep.front
    (costs,) = {tuple(frame.value["cost"]) for frame in app.dataframe if len(frame.value) == len(sweep.plans)}  # numbers, to sort by
    assert list(costs) == [one.figures["cost.usd"].mean for one in sweep.plans.values()]
    app.selectbox(key="sweep-target-cheapest-mix").set_value("wait.mean").run()
    assert not app.success
    assert any("of an earlier choice" in one.value for one in app.warning)
    again = _opened(_runs_page)
    assert ": sweep, 2 plans, " in again.selectbox(key="run").options[0]
    assert again.selectbox(key=f"runs-plan-{folder}").value == sweep.cheapest(sweep.plans)


def test_a_scenario_of_the_folder_is_swept_and_its_result_stays_with_it() -> None:
    """Files are offered after the shipped names; the field says how many plans there are; another scenario shows no result of this one."""
    Path("mine.yaml").write_text(MINE, encoding="utf-8")
    app = _opened(_sweep_page)
    app.selectbox(key="sweep-scenario").set_value("mine.yaml").run()
    nodes = "providers.here.pools.box.nodes"
    rate = "workloads.merges.arrivals.rate"
    assert not {"horizon", "warmup"} & set(app.multiselect[0].options)
    app.multiselect[0].set_value([nodes, rate]).run()
    app.text_input(key=f"sweep-mine.yaml-values-{nodes}").set_value("1..3").run()
    app.text_input(key=f"sweep-mine.yaml-values-{rate}").set_value("50/d, 100/d").run()
    assert app.number_input(key="sweep-points").placeholder == "all 6"
    app.multiselect[0].set_value([nodes]).run()
    app.text_input(key=f"sweep-mine.yaml-values-{nodes}").set_value("1, 2").run()
    app.button(key="sweep-run").click().run()
    assert not app.exception
    assert not app.error
    assert len(app.success) == 1
    app.selectbox(key="sweep-scenario").set_value("cheapest-mix").run()
    assert not app.success
    app.selectbox(key="sweep-scenario").set_value("mine.yaml").run()
    assert len(app.success) == 1


def test_replications_that_come_in_pairs_are_a_few_pairs_at_first() -> None:
    """The page's own number is one that runs."""
    Path("mine.yaml").write_text(MINE.replace("replications: 1", "replications: 10\nantithetic: true"), encoding="utf-8")
    app = _opened(_sweep_page)
    app.selectbox(key="sweep-scenario").set_value("mine.yaml").run()
    nodes = "providers.here.pools.box.nodes"
    app.multiselect[0].set_value([nodes]).run()
    app.text_input(key=f"sweep-mine.yaml-values-{nodes}").set_value("1, 2").run()
    replications = app.number_input(key="sweep-replications-mine.yaml")
    assert (replications.value, replications.step) == (4, 2)
    app.button(key="sweep-run").click().run()
    assert not app.exception
    assert not app.error
    assert len(app.success) == 1


def test_each_mistake_in_a_field_is_a_line_and_nothing_runs() -> None:
    """A field that cannot be read, and a value that its key refuses."""
    app = _opened(_sweep_page)
    app.text_input(key=f"sweep-cheapest-mix-values-{OWN}").set_value("9..3").run()
    assert "found an empty range" in app.error[0].value
    assert plain(OWN) in app.error[0].value
    app.text_input(key=f"sweep-cheapest-mix-values-{OWN}").set_value("").run()
    assert "found nothing; write 0, 16, 32" in app.error[0].value
    assert app.button(key="sweep-run").disabled
    app.text_input(key=f"sweep-cheapest-mix-values-{OWN}").set_value("8, -3").run()
    app.button(key="sweep-run").click().run()
    assert not app.exception
    assert "found -3" in app.error[0].value
    assert not Path("runs").exists()


def test_the_cheapest_plan_is_named_with_its_reasons() -> None:
    """Targets first, then the answer as it is kept, and every plan considered."""
    app = _opened(_cheapest_page)
    assert any(plain("scoring: p95 wait at most 30 min") in one.value for one in app.markdown)
    app.multiselect[0].set_value([OWN]).run()
    app.text_input(key=f"cheapest-cheapest-mix-values-{OWN}").set_value("20..28 step 4").run()
    app.number_input(key="cheapest-replications-cheapest-mix").set_value(2).run()
    app.number_input(key="cheapest-confirm").set_value(3).run()
    app.button(key="cheapest-run").click().run()
    assert not app.exception
    assert not app.error
    (folder,) = Path("runs").glob("*")
    found = read_optimisation(folder)
    assert any(plain(found.answer) in box.value for box in (*app.success, *app.warning))
    assert {row[0] for row in _table(app, "outcome")} == set(found.plans)
    assert any(plain(found.why[-1]) in one.value for one in app.markdown)
    assert any(one.value == f"In detail: {plain(found.final.plan)}" for one in app.subheader)


def test_a_scenario_without_targets_has_no_cheapest_plan() -> None:
    app = _opened(_cheapest_page)
    app.selectbox(key="cheapest-scenario").set_value("philly-replay").run()
    app.multiselect[0].set_value(["providers.philly.pools.cluster.nodes"]).run()
    app.button(key="cheapest-run").click().run()
    assert not app.exception
    assert "has no target" in app.error[0].value
