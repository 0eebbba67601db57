"""``leadtime profile --list`` shows every probe with what it measures and costs, and measures nothing."""

import pytest

pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler.listing import listed_probes
from profiler.probes import all_probes
from sim.cli import main


def test_every_probe_is_listed_with_its_largest_call() -> None:
    listed = {probe.name: probe for probe in listed_probes("cpu")}
    assert listed.keys() == all_probes().keys()
    product = listed["matmul-bf16"]
    assert product.largest is not None
    assert product.flops == 2.0 * product.largest["m"] * product.largest["n"] * product.largest["k"]
    assert listed["mlp-step"].anchor
    assert listed["host-copy"].largest is None


def test_the_command_prints_them_and_measures_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object, **__: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr("profiler.rounds.Rounds.run", measured)
    assert main(["profile", "--list", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    for name, probe in all_probes().items():
        assert name in shown
        assert probe.measures in shown
    assert "anchor, never fitted" in shown
