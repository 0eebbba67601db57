"""A profile is written whole or not at all, refuses before it measures, and reads back as the simulator reads it."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from profiler import budget  # noqa: E402
from profiler import profile as profile_module  # noqa: E402
from profiler.budget import Depth  # noqa: E402
from profiler.device import driver_facts  # noqa: E402
from profiler.profile import profile  # noqa: E402
from sim.cost.calibration import Calibration, load_calibration  # noqa: E402
from sim.scenario.errors import InputError  # noqa: E402

PRODUCTS = [{"m": 16 * i, "n": 512 // i, "k": 32 * i} for i in range(2, 10)]
COPIES = [{"bytes": size << 16} for size in (1, 2, 4, 8, 16, 32)]
TINY = {
    "matmul-bf16": PRODUCTS,
    "memory-copy": COPIES,
    "merge-linear": [{"experts": k, "parameters": 20_000 * k} for k in range(2, 8)],
    "mlp-step": [{"batch": 16, "inputs": 32, "hidden": 64, "outputs": 32}],
    "transformer-step": [
        {"layers": 1, "hidden": 64, "intermediate": 128, "heads": 4, "kv_heads": 2, "vocabulary": 128, "sequence": 32, "batch": 1}
    ],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Calibration, Path, list[tuple[int, int]]]:
    """One tiny profile in two processes, with time for all of it on any machine, and what its progress said."""
    steps: list[tuple[int, int]] = []
    out = tmp_path_factory.mktemp("profile") / "here.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "QUICK", Depth("quick", 2, 0.002, 900.0, 4.0))
        calibration, path = profile("cpu", out=out, progress=lambda done, total: steps.append((done, total)), only=TINY)
    return calibration, path, steps


def test_a_profile_reads_back_as_it_was_made(made: tuple[Calibration, Path, list[tuple[int, int]]]) -> None:
    calibration, path, steps = made
    assert load_calibration(path) == calibration
    assert list(path.parent.iterdir()) == [path]
    samples = 2 * sum(map(len, TINY.values()))
    assert [done for done, _ in steps[:-1]] == list(range(samples + 1))
    assert steps[-1] == (samples, samples)
    assert all(done <= total for done, total in steps)


def test_a_profile_says_what_was_measured_where_and_when(made: tuple[Calibration, Path, list[tuple[int, int]]]) -> None:
    calibration = made[0]
    assert (calibration.source, calibration.completeness, calibration.extrapolated) == ("measured", "quick", False)
    assert datetime.fromisoformat(calibration.date).utcoffset() is not None
    assert calibration.device.kind == "cpu"
    amx = "+AMX" if torch.cpu._is_amx_tile_supported() else ""
    assert calibration.device.compute_capability == f"{torch.backends.cpu.get_cpu_capability()}{amx}"
    assert calibration.device.id.endswith(f"-{calibration.device.cores}c")
    assert calibration.software.torch == torch.__version__
    assert calibration.speeds is not None
    assert min(calibration.speeds.memory_bytes_per_s, calibration.speeds.cores_flops_per_s) > 1e8
    assert any("load average" in note for note in calibration.notes)
    assert any("between processes" in note for note in calibration.notes)


def test_anchors_are_predicted_and_never_fitted(made: tuple[Calibration, Path, list[tuple[int, int]]]) -> None:
    calibration = made[0]
    assert set(calibration.fits) == {"matmul-bf16", "memory-copy", "merge-linear"}
    assert {one.probe for one in calibration.anchors} == {"mlp-step", "transformer-step"}
    assert not {one.family for one in calibration.measurements} & {one.family for one in calibration.anchors}
    for anchor in calibration.anchors:
        assert anchor.predicted_s is not None
        assert anchor.predicted_s > 0
    assert all(one.predicted_s is None for one in calibration.measurements)
    assert all(len(one.process_medians_s) == 2 for one in (*calibration.measurements, *calibration.anchors))
    for family, fit in calibration.fits.items():
        assert fit.fitted_shapes == len(TINY[family])
        assert fit.held_out_shapes == len(TINY[family]) - 2  # each but the smallest and the largest


@pytest.mark.parametrize("where", ["a folder", "no such folder"])
def test_a_file_that_cannot_be_written_is_refused_before_measuring(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object, **__: object) -> None:
        raise AssertionError("measured before it refused")

    monkeypatch.setattr("profiler.rounds.Rounds.run", measured)
    out = tmp_path if where == "a folder" else tmp_path / "missing" / "out.json"
    with pytest.raises(InputError, match=where.removeprefix("a ").removeprefix("no such ")):
        profile("cpu", out=out, only=TINY)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiler.profile.os.access", lambda *_: False)
    with pytest.raises(InputError, match="read-only"):
        profile("cpu", out=tmp_path / "out.json", only=TINY)


def test_a_write_that_fails_keeps_the_old_file(
    made: tuple[Calibration, Path, list[tuple[int, int]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("profiler.profile.os.replace", full)
        with pytest.raises(InputError, match="No space left on device"):
            profile_module._write(target, made[0])
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    profile_module._write(target, made[0])
    assert load_calibration(target) == made[0]
    assert "schema_version" in json.loads(target.read_text())


def test_an_absent_gpu_is_refused(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(InputError, match="no CUDA device"):
        profile("cuda", out=tmp_path / "out.json")


def test_without_torch_the_remedy_is_named_and_importing_costs_nothing() -> None:
    code = """
import sys
sys.modules['torch'] = None
import profiler, profiler.profile
from sim.scenario.errors import InputError
try:
    profiler.profile.profile()
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "install leadtime[profiler]" in done.stdout
    cheap = "import sys, profiler, profiler.profile; print(sorted({'torch', 'scipy', 'psutil'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", cheap], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_what_a_driver_does_not_know_is_absent() -> None:
    told = driver_facts("575.57.08, 1980, 700.00, Enabled\n")
    assert told == {"driver_version": "575.57.08", "clocks.max.sm": "1980", "power.limit": "700.00", "ecc.mode.current": "Enabled"}
    assert driver_facts("575.57.08, 3105, [N/A], [N/A]\n") == {"driver_version": "575.57.08", "clocks.max.sm": "3105"}
    assert driver_facts("") == {}
