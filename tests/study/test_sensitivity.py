"""Sensitivity: inputs rank as theory says, calibration errors are among them, and what cannot be varied is refused."""

import json
import sys
from pathlib import Path

import pytest

from sim.cli import main
from sim.report.plan_charts import tornado
from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.study.inputs import default_inputs
from sim.study.runner import Runner
from sim.study.sensitivity import Sensitivity, prepare_sensitivity, run_sensitivity

RATE, NODES, PRICE = "workloads.tunes.arrivals.rate", "providers.first.pools.a.nodes", "providers.first.pools.a.offer.reserved"


def document(small: Path, **asked: object) -> Document:
    """Both pools' sizes fixed but one; few, short replications."""
    base = open_document(str(small)).override("horizon", "4 d").override("replications", 2)
    return base.override("study.sensitivity", {"trajectories": 2, **asked})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Sensitivity:
    from tests.conftest import SMALL

    path = tmp_path_factory.mktemp("sensitivity") / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    over = {RATE: "40/d..160/d", NODES: "1..3", PRICE: "1.10 USD/GPU/h..3.30 USD/GPU/h"}
    return run_sensitivity(prepare_sensitivity(document(path, over=over)))


def test_a_tornado_says_its_unit(found: Sensitivity) -> None:
    """Money in dollars, waits in a unit that reads well up to the longest drawn."""
    cost, wait = (tornado(found, figure).to_dict() for figure in ("cost.usd", "wait.p95"))
    assert cost["encoding"]["x"]["title"] == "cost, USD"
    name, unit = wait["encoding"]["x"]["title"].split(", ")
    assert name == "p95 wait"
    drawn = max(row["to"] for rows in wait["datasets"].values() for row in rows)
    seconds = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}[unit]
    moves = [end.mean or 0.0 for one in found.effects["wait.p95"].values() for end in (one.low, one.high)]
    longest = (found.base["wait.p95"].mean or 0.0) + max(moves)
    assert drawn == pytest.approx(longest / seconds)
    assert drawn >= 1


def test_prices_move_cost_and_never_waits(found: Sensitivity) -> None:
    """A price halved and doubled moves the cost by exactly what is reserved, both ways alike, and no wait at all."""
    cost, wait = found.effects["cost.usd"][PRICE], found.effects["wait.p95"][PRICE]
    reserved = 8 * 4 * 24 * 1.10
    assert cost.high.mean == pytest.approx(reserved)
    assert cost.low.mean == pytest.approx(-reserved)
    assert cost.high.low == pytest.approx(reserved)  # on shared random numbers there is nothing else in the difference
    assert (wait.low.mean, wait.high.mean, wait.strength) == (0.0, 0.0, 0.0)


def test_more_work_waits_longer_and_more_nodes_wait_less(found: Sensitivity) -> None:
    """The tornado's ends lie on the sides that every queue has them, and the strongest come first."""
    effects = found.effects["wait.p95"]
    assert (effects[RATE].high.mean or 0) > 0 > (effects[NODES].high.mean or 0)
    strengths = [effect.strength for effect in effects.values()]
    assert strengths == sorted(strengths, reverse=True)
    assert found.base["wait.p95"].mean == found.first.figure("wait.p95").mean


def test_calibration_errors_are_inputs(found: Sensitivity) -> None:
    """Every family that the work uses, at its stated 95 %; costs that are truly higher make work wait longer."""
    errors = [name for name in found.inputs if name.startswith("calibration.h100-sxm.")]
    assert errors
    assert found.inputs[errors[0]].low == "-1.96 sd"
    strongest = max((found.effects["wait.p95"][name] for name in errors), key=lambda effect: effect.strength)
    assert (strongest.high.mean or 0) > 0


def test_the_result_depends_on_no_worker(small: Path) -> None:
    """Sampling is seeded by the scenario and runs come back in order."""
    plan = prepare_sensitivity(document(small, over={RATE: "20/d..60/d"}, figures=["cost.usd"], trajectories=2))
    with Runner(1) as one, Runner(2) as two:
        assert run_sensitivity(plan, one) == run_sensitivity(plan, two)


def test_sobol_shares_add_up_to_about_one(small: Path) -> None:
    """Total-order shares of a nearly additive figure: the cost, by price and rate."""
    over = {PRICE: "1.10 USD/GPU/h..3.30 USD/GPU/h", "providers.second.pools.b.offer.on-demand": "1 USD/GPU/h..5 USD/GPU/h"}
    plan = prepare_sensitivity(document(small, over=over, sobol=16, figures=["cost.usd"]))
    shares = {name: effect.strength for name, effect in run_sensitivity(plan).effects["cost.usd"].items()}
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.35)
    assert shares[PRICE] > 0.2


def test_defaults_are_rates_nodes_and_prices(small: Path) -> None:
    """A fifth either side, whole nodes, and none of a pool that has a single one."""
    base = open_document(str(small)).override(NODES, 10)
    inputs = {one.name: one for one in default_inputs(base, 0.2)}
    assert (inputs[RATE].low, inputs[RATE].high, inputs[RATE].written(24.0)) == (16.0, 24.0, "24/d")
    assert [inputs[NODES].at(share) for share in (0.0, 0.5, 1.0)] == [8, 10, 12]
    assert inputs[PRICE].written(1.76) == "1.76 USD/GPU/h"
    assert "providers.second.pools.b.nodes" not in inputs


def test_dates_and_answers_vary_too(small: Path) -> None:
    """By their mean or median, and a median never past its own 95 % point."""
    pool = "providers.first.pools.a"
    base = open_document(str(small)).override(f"{pool}.provisioning", {"mean": "4 h"})
    base = base.override(f"{pool}.deliveries", [{"nodes": 2, "after": "10 d"}, {"nodes": 2, "after": {"median": "20 d", "p95": "30 d"}}])
    inputs = {one.name: one for one in default_inputs(base, 0.25)}
    assert inputs[f"{pool}.provisioning.mean"].written(5.0) == "5 h"
    assert (inputs[f"{pool}.deliveries.0.after"].low, inputs[f"{pool}.deliveries.1.after.median"].high) == (7.5, 25.0)
    assert f"{pool}.deliveries.1.after.median" not in {one.name for one in default_inputs(base, 0.6)}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"over": {"workloads.tunes.arrivals.rat": "1/d..2/d"}}, "did you mean 'rate'"),
        ({"over": {NODES: [2, 1]}}, "is no range of numbers"),
        ({"over": {RATE: ["x", "y"]}}, "is no range of numbers"),
        ({"sobol": 20}, "a power of two"),
        ({"within": "0%"}, "nothing to vary by"),
    ],
)
def test_what_cannot_be_varied_is_refused(small: Path, asked: dict[str, object], says: str) -> None:
    """Before anything runs, with what would do."""
    with pytest.raises(InputError, match=says):
        prepare_sensitivity(document(small, **asked))


def test_an_unknown_figure_is_refused(small: Path) -> None:
    """With the nearest that exists."""
    with pytest.raises(InputError, match=r"found 'wait\.p96'.*did you mean 'wait\.p9"):
        run_sensitivity(prepare_sensitivity(document(small, figures=["wait.p96"], over={RATE: "20/d..30/d"})))


def test_without_salib_the_extra_is_named(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, no traceback."""
    monkeypatch.setitem(sys.modules, "SALib.analyze.morris", None)
    with pytest.raises(InputError, match=r"pip install 'leadtime\[optimise\]'"):
        prepare_sensitivity(document(small))


def test_the_command_keeps_and_reports(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--set KEY=a..b`` names the inputs; the folder holds data and a page with a tornado; ``report`` reads it again."""
    out = tmp_path / "out"
    flags = ["--set", f"{RATE}=20/d..60/d", "--set", "horizon=3 d", "--replications", "1", "--trajectories", "2", "--figure", "cost.usd"]
    assert main(["sensitivity", str(small), *flags, "--json", "--out", str(out)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert set(said["effects"]) == {"cost.usd"}
    assert said["inputs"][RATE] == {"low": "20/d", "base": "20/d", "high": "60/d"}
    assert "each input alone" in (out / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(out)]) == 0
    assert "What moves cost" in capsys.readouterr().out
