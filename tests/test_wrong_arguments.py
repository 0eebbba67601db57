"""Wrong arguments: one line that says what was found and what would do, in the words of every other error, and where to read more."""

from pathlib import Path

import pytest

from sim.cli import main
from sim.cost.devices import known_devices
from sim.scenario.nearest import MOST_NAMED, nearest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["swep", "cheapest-mix"], "leadtime: COMMAND: found 'swep'; did you mean 'sweep'?; 'leadtime --help' says more"),
        ([], "leadtime: COMMAND is missing; 'leadtime --help' says more"),
        (["run"], "leadtime: SCENARIO is missing; 'leadtime run --help' says more"),
        (
            ["run", "x", "--seed", "-1"],
            "leadtime: --seed: found '-1'; a whole number, 0 or more, would do; 'leadtime run --help' says more",
        ),
        (["run", "x", "--seed"], "leadtime: --seed: needs a value; 'leadtime run --help' says more"),
        (["run", "x", "--check=3"], "leadtime: --check: found '3', but it takes no value; 'leadtime run --help' says more"),
        (["run", "x", "--workers", "2", "--cluster", "y"], "leadtime: --cluster: does not go with --workers; give one of them;"),
        (
            ["estimate", "cooking"],
            "leadtime: KIND: found 'cooking'; known here: evaluation, merge, serving, training;",
        ),
        (["scenarios", "x"], "leadtime: found 'x', which is no argument here; 'leadtime --help' says more"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(says)


def _said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    return capsys.readouterr().err


def test_a_figure_that_is_none_is_said_of_its_flag_without_a_list_of_hundreds(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("SALib")
    arguments = ["sensitivity", str(small), "--figure", "nothing", "--set", "horizon=3 d", "--replications", "1", "--trajectories", "2"]
    said = _said([*arguments, "--out", str(small.parent / "out")], capsys)
    assert said.startswith("leadtime: --figure: study.sensitivity.figures: found 'nothing', which is no figure of this scenario")
    assert len(said) < 1000


def test_points_of_sobol_are_said_of_their_flag(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("SALib")
    assert _said(["sensitivity", str(small), "--sobol", "3"], capsys).startswith(
        "leadtime: --sobol: study.sensitivity.sobol: found 3 points"
    )


def test_a_folder_that_is_not_there_is_not_called_an_empty_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nope: no such folder; give one that 'leadtime run' wrote" in _said(["report", str(tmp_path / "nope")], capsys)
    assert "is not a run folder" in _said(["report", str(tmp_path)], capsys)


def test_why_names_the_plans_of_a_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a comparison and of any other study."""
    for plan in ("plan 2", "plan 1"):
        (tmp_path / "plans" / plan).mkdir(parents=True)
    said = _said(["why", str(tmp_path), "0"], capsys)
    assert f"holds plans; give the folder of one, as in {str(tmp_path / 'plans' / 'plan 1')!r}; there are 'plan 1', 'plan 2'" in said


@pytest.mark.parametrize("device", ["h100", "H100-SXM"])
def test_a_device_near_a_known_one_ends_in_one_question(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(["estimate", "merge", "--model", "llama-3.1-8b", "--devices", device], capsys)
    assert "h100-sxm" in known_devices()
    assert said.rstrip().endswith("did you mean 'h100-sxm'?")


def test_of_many_names_only_some_are_listed() -> None:
    names = [f"figure-{number:03d}" for number in range(150)]
    said = nearest("nothing alike", names)
    assert said.endswith(f"figure-{MOST_NAMED - 1:03d} and {150 - MOST_NAMED} more")
    assert nearest("x", ["b", "a"]) == "known here: a, b"
