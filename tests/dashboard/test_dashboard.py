"""The dashboard's pages, driven without a browser, and the refusals of its launcher."""

import json
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("streamlit")

from streamlit.testing.v1 import AppTest

from dashboard.launch import launch
from dashboard.showing import AROUND_CHART, plain
from sim.report.rows import headline_rows
from sim.report.saving import save
from sim.scenario.document import read_document
from sim.scenario.errors import InputError
from sim.study.comparison import plan_documents, run_plans
from sim.study.run import Run, run_plan
from sim.study.runner import Runner

TIMEOUT_S = 60
TINY = """# How long do a few merges wait on one machine?
name: tiny
horizon: 4 d
warmup: 1 d
replications: 2
workloads:
  merges:
    kind: merge
    model: llama-3.1-8b
    arrivals: {rate: 200/d}
    target: {wait: {p95: 1 h}}
providers:
  here:
    pools:
      box: {gpu: amd-epyc-f26-avx512-2c, nodes: 1, gpus-per-node: 1, offer: {owned: 0.05 USD/GPU/h}}
"""
COMPARED = TINY + "study: {compare: {one: {}, two: {providers.here.pools.box.nodes: 2}}}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["app.py"])


def _run(text: str) -> tuple[Path, Run]:
    Path("tiny.yaml").write_text(text, encoding="utf-8")
    run = run_plan(read_document(Path("tiny.yaml")), runner=Runner(1))
    return save(run), run


def _runs_page() -> None:
    import sys
    from pathlib import Path

    from dashboard import runs

    runs.page([Path(argument) for argument in sys.argv[1:]])


def _scenario_page() -> None:
    from dashboard import try_scenario

    try_scenario.page()


def _trade_offs_page() -> None:
    from dashboard import trade_offs

    trade_offs.page()


def _opened(page: Callable[[], None]) -> AppTest:
    app = AppTest.from_function(page, default_timeout=TIMEOUT_S).run()
    assert not app.exception
    return app


def _table(app: AppTest, heading: str) -> list[list[str]]:
    """The rows of the first table whose first column has this heading."""
    frames = [frame.value for frame in app.table]
    return next(frame.to_numpy().tolist() for frame in frames if frame.columns[0] == heading)


def test_runs_page_shows_the_headline_figures_of_a_run() -> None:
    _, run = _run(TINY)
    app = _opened(_runs_page)
    shown = {metric.label: metric.value for metric in app.metric}
    expected = {plain(name): text.partition(" (")[0] for name, text in headline_rows(run.summary).cells}
    assert shown == expected
    assert "few merges wait" in app.header[0].value
    assert [row[0] for row in _table(app, "pool")] == ["here.box"]


def test_charts_leave_room_for_axis_and_legend() -> None:
    """Streamlit fits both into a chart's height, so that a low chart would have no plot left."""
    _run(TINY.replace("200/d", "3000/d"))  # so many that some wait for more than a minute
    specs = [json.loads(chart.proto.spec) for chart in _opened(_runs_page).get("vega_lite_chart")]
    assert len(specs) == 5
    assert min(spec["height"] for spec in specs) >= AROUND_CHART + 180
    assert all(spec["config"]["legend"]["orient"] == "bottom" for spec in specs)


def test_runs_page_tells_why_a_job_waited() -> None:
    """The longest wait to begin with, then whichever is asked; the shares add up."""
    _, run = _run(TINY)
    jobs = run.tables["jobs"]
    app = _opened(_runs_page)
    assert app.number_input[0].value == jobs["wait_s"].idxmax()
    reasons = _table(app, "reason")
    assert reasons[0][0] == "running jobs held the GPUs"
    assert sum(int(row[2].rstrip("%")) for row in reasons) in range(98, 103)
    at_once = int((jobs["wait_s"] == 0).idxmax())
    app.number_input[0].set_value(at_once).run()
    assert not app.exception
    assert any("started at once" in text.value for text in app.markdown)


def test_each_plan_is_asked_about_the_job_that_waited_longest_in_it() -> None:
    """A number left over from another plan would be any job."""
    Path("tiny.yaml").write_text(COMPARED, encoding="utf-8")
    study = run_plans(plan_documents(read_document(Path("tiny.yaml"))), Runner(1))
    save(study)
    app = _opened(_runs_page)
    longest = {plan: int(run.tables["jobs"]["wait_s"].argmax()) for plan, run in study.runs.items()}
    assert app.number_input[0].value == longest["one"]
    app.radio[0].set_value("two").run()
    assert app.number_input[0].value == longest["two"] != longest["one"]


def test_runs_page_marks_what_is_extrapolated() -> None:
    _run(TINY)
    assert not _opened(_runs_page).warning
    _run(TINY.replace("amd-epyc-f26-avx512-2c", "h100-sxm").replace("tiny", "extrapolated"))
    app = _opened(_runs_page)
    assert "Extrapolated" in app.warning[0].value


def test_runs_page_offers_the_plans_of_a_study() -> None:
    Path("tiny.yaml").write_text(COMPARED, encoding="utf-8")
    study = run_plans(plan_documents(read_document(Path("tiny.yaml"))), Runner(1))
    save(study)
    app = _opened(_runs_page)
    assert ": comparison, 2 plans, " in app.selectbox[0].options[0]
    assert [one.proto.label for one in app.get("download_button")] == ["Download the report"]
    plans = app.radio[0]
    assert plans.options == ["one", "two"]
    first = [metric.value for metric in app.metric]
    plans.set_value("two").run()
    assert not app.exception
    assert [metric.value for metric in app.metric] != first


def test_runs_are_compared_where_they_measure_the_same_span() -> None:
    one, _ = _run(TINY)
    two, _ = _run(TINY.replace("nodes: 1,", "nodes: 2,").replace("tiny", "twice"))
    longer, _ = _run(TINY.replace("4 d", "5 d").replace("tiny", "longer"))
    app = _opened(_runs_page)
    app.selectbox(key="run").set_value(one).run()
    app.multiselect[0].set_value([two]).run()
    assert not app.exception
    difference = next(frame.value for frame in app.table if "mean wait" in frame.value.columns)
    assert difference["plan"][0] == two.name
    app.multiselect[0].set_value([two, longer]).run()
    assert not app.exception
    assert f"5 d from 1 d on in {longer.name}" in app.error[0].value


def test_runs_page_offers_the_folders_given_and_says_when_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _opened(_runs_page).header[0].value == "No runs yet"
    folder, _ = _run(TINY)
    kept = folder.rename("elsewhere")
    monkeypatch.setattr(sys, "argv", ["app.py", str(kept)])
    (offered,) = _opened(_runs_page).selectbox[0].options
    assert re.fullmatch(r"elsewhere: run, \d{4}-\d\d-\d\d \d\d:\d\d", offered)


@pytest.mark.parametrize("file", ["timeline.parquet", "scenario.yaml"])
def test_runs_page_says_what_a_damaged_folder_lacks(file: str) -> None:
    folder, _ = _run(TINY)
    (folder / file).unlink()
    app = _opened(_runs_page)
    assert f"has no readable {file}" in app.error[0].value


def test_the_app_opens_on_the_runs_page() -> None:
    import dashboard.app

    app = AppTest.from_file(str(dashboard.app.__file__), default_timeout=TIMEOUT_S).run()
    assert not app.exception
    assert app.header[0].value == "No runs yet"


def test_an_edited_scenario_runs_and_is_kept() -> None:
    app = _opened(_scenario_page)
    app.text_area[0].set_value(TINY).run()
    app.button(key="run-scenario").click().run()
    assert not app.exception
    assert not app.error
    (kept,) = Path("runs").glob("tiny-*")
    assert str(kept) in app.success[0].value
    assert len(app.metric) >= 9


def _scenario_page_or_none() -> None:
    import streamlit as st

    from dashboard import try_scenario

    if "elsewhere" not in st.session_state:
        try_scenario.page()


def test_an_edited_text_is_there_again_after_another_page() -> None:
    app = _opened(_scenario_page_or_none)
    app.text_area[0].set_value(TINY).run()
    app.session_state["elsewhere"] = True
    app.run()
    assert not app.text_area
    del app.session_state["elsewhere"]
    app.run()
    assert app.text_area[0].value == TINY
    assert [one.proto.label for one in app.get("download_button")] == ["Download this text"]


def test_a_result_of_another_text_is_marked() -> None:
    app = _opened(_scenario_page)
    app.text_area[0].set_value(TINY).run()
    app.button(key="run-scenario").click().run()
    assert not app.button(key="run-scenario").disabled
    app.text_area[0].set_value(TINY.replace("200/d", "300/d")).run()
    assert not app.success
    assert "of an earlier choice" in app.warning[0].value


def test_a_scenario_of_the_folder_is_offered_with_what_it_extends() -> None:
    """Its paths count from the folder, where it is read from."""
    Path("tiny.yaml").write_text(TINY, encoding="utf-8")
    Path("more.yaml").write_text("extends: tiny.yaml\nname: more\n", encoding="utf-8")
    app = _opened(_scenario_page)
    app.selectbox(key="start").set_value("more.yaml").run()
    app.button(key="run-scenario").click().run()
    assert not app.exception
    assert [error.value for error in app.error] == []
    assert list(Path("runs").glob("more-*"))
    assert sorted(path.name for path in Path().iterdir()) == ["more.yaml", "runs", "tiny.yaml"]


def test_every_problem_of_an_edited_scenario_is_one_line() -> None:
    app = _opened(_scenario_page)
    wrong = TINY.replace("horizon:", "horizont:").replace("nodes: 1,", "nodes: -1,")
    app.text_area[0].set_value(wrong).run()
    app.button(key="run-scenario").click().run()
    assert not app.exception
    lines = [error.value for error in app.error]
    assert any("horizont" in line and "is not a key here" in line and plain("scenario.yaml:3:1") in line for line in lines)
    assert any("nodes" in line for line in lines)
    assert not Path("runs").exists()


def test_two_plans_tried_are_two_rows_until_forgotten() -> None:
    app = _opened(_trade_offs_page)
    app.number_input(key="replications-second-source").set_value(1).run()
    app.button(key="try").click().run()
    app.number_input(key="nodes-second-source-incumbent.committed").set_value(30).run()
    app.button(key="try").click().run()
    assert not app.exception
    assert _table(app, "plan") == [["plan 1", "as written", "1"], ["plan 2", "providers.incumbent.pools.committed.nodes = 30", "1"]]
    app.button(key="forget").click().run()
    assert not app.table


@pytest.mark.parametrize(("kind", "says"), [("spot", "reclaim: {mtbf: 60 d}"), ("block", "windows: [{start: 0 d, end: 14 d}]")])
def test_a_pool_can_be_tried_under_another_offer(kind: str, says: str) -> None:
    app = _opened(_trade_offs_page)
    app.number_input(key="replications-second-source").set_value(1).run()
    app.selectbox(key="pool-second-source").set_value("challenger.quick").run()
    app.selectbox(key="kind-second-source-challenger.quick").set_value(kind).run()
    if kind == "spot":
        assert app.text_input(key="reclaim-second-source-challenger.quick").value == "{mtbf: 18 h, notice: 2 min}"
        app.text_input(key="reclaim-second-source-challenger.quick").set_value("{mtbf: 60 d}").run()
        app.button(key="try").click().run()
        assert not app.exception
        assert [error.value for error in app.error] == []
        assert plain(says) in _table(app, "plan")[0][1]
    else:  # the page shows what the kind needs; a block has no lead time, and is refused with the pool's
        assert app.text_input(key="windows-second-source-challenger.quick").value in says
        app.button(key="try").click().run()
        assert "provisioning" in app.error[0].value


def test_a_price_that_is_none_is_an_error_line() -> None:
    app = _opened(_trade_offs_page)
    app.text_input(key="price-second-source-incumbent.committed").set_value("cheap").run()
    app.button(key="try").click().run()
    assert not app.exception
    assert "cheap" in app.error[0].value
    assert not app.table


@pytest.mark.parametrize(("typed", "says"), [("{a: [", "Price: found '{a: [', which cannot be read"), ("", "Price: found nothing")])
def test_a_field_that_cannot_be_read_leaves_the_page_as_it_is(typed: str, says: str) -> None:
    app = _opened(_trade_offs_page)
    app.text_input(key="price-second-source-incumbent.committed").set_value(typed).run()
    assert not app.exception
    (error,) = app.error
    assert plain(says) in error.value
    assert "set" not in error.value
    assert app.button(key="try").disabled
    assert not app.button(key="forget").disabled


def test_launch_refuses_what_is_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        launch([tmp_path, tmp_path / "absent"], port=70_000, headless=True)
    assert len(refused.value.problems) == 3


def test_launch_says_how_to_install_streamlit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.launch.find_spec", lambda name: None if name == "streamlit" else find_spec(name))
    with pytest.raises(InputError, match=r"pip install 'leadtime\[dashboard\]'"):
        launch([], port=8501, headless=True)


class _Server:
    """Stands in for the server's process: `outcome` is its exit code, or what waiting for it raises."""

    def __init__(self, outcome: int | type[BaseException]) -> None:
        self.outcome = outcome
        self.command: list[str] = []
        self.terminated = False

    def __call__(self, command: list[str]) -> "_Server":
        self.command = command
        return self

    def __enter__(self) -> "_Server":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def wait(self) -> int:
        if isinstance(self.outcome, int):
            return self.outcome
        raise self.outcome

    def terminate(self) -> None:
        self.terminated = True


def test_launch_passes_folders_and_returns_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = _run(TINY)
    server = _Server(3)
    monkeypatch.setattr("dashboard.launch.subprocess.Popen", server)
    assert launch([folder], port=8600, headless=True) == 3
    assert server.command[server.command.index("--") + 1 :] == [str(folder.resolve())]
    assert server.command[server.command.index("--server.address") + 1] == "localhost"


def test_ctrl_c_ends_the_dashboard_well(monkeypatch: pytest.MonkeyPatch) -> None:
    server = _Server(KeyboardInterrupt)
    monkeypatch.setattr("dashboard.launch.subprocess.Popen", server)
    assert launch([], port=8600, headless=True) == 0
    assert server.terminated
