"""A validation is stored whole beside its calibration, stands for that one alone, and is shown wherever that is used."""

from pathlib import Path

import pytest

from sim.cost.calibration import Calibration
from sim.cost.devices import calibration_file, measured_calibrations, shipped_calibration, validations_for
from sim.cost.validation import (
    Compared,
    Validation,
    fingerprint,
    read_validation,
    refuse_other_device,
    refuse_shared_gpu,
    validation_beside,
    validation_file,
    writable_file,
    write_validation,
)
from sim.report.rows import basis_lines
from sim.scenario.document import read_document
from sim.scenario.errors import InputError
from sim.study.run import run_plan

CALIBRATION = shipped_calibration("h100-sxm")


def validation_of(calibration: Calibration, predicted_s: float = 97.0) -> Validation:
    figure = Compared(predicted_s=predicted_s, measured_s=100.0, replayed_s=99.0)
    return Validation(
        leadtime_version="0",
        date="2026-11-24T03:00:00+00:00",
        device=calibration.device.id,
        calibration_sha256=fingerprint(calibration),
        slots=1,
        order="fifo",
        seed=0,
        pieces=(),
        jobs=(),
        figures=dict.fromkeys(("makespan", "wait.mean", "wait.p95"), figure),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A calibration with a validation beside it."""
    path = tmp_path / "mine.json"
    path.write_text(CALIBRATION.model_dump_json(), encoding="utf-8")
    write_validation(validation_file(path), validation_of(CALIBRATION))
    return path


def test_what_is_written_reads_back(file: Path) -> None:
    assert validation_file(file).name == "mine.validation.json"
    assert read_validation(validation_file(file)) == validation_of(CALIBRATION)
    assert sorted(one.name for one in file.parent.iterdir()) == ["mine.json", "mine.validation.json"]


def test_a_calibration_profiled_again_has_not_been_validated(file: Path) -> None:
    """The fingerprint is of device, date and fits; notes and measurements may be told differently."""
    assert validation_beside(file, CALIBRATION) is not None
    assert validation_beside(file, CALIBRATION.model_copy(update={"notes": ("said otherwise",)})) is not None
    assert validation_beside(file, CALIBRATION.model_copy(update={"date": "2026-12-01"})) is None
    assert validation_beside(file, CALIBRATION.scaled({"matmul-bf16": 1.01})) is None
    assert validation_beside(file.with_name("other.json"), CALIBRATION) is None


def test_what_is_not_a_validation_is_named(file: Path) -> None:
    validation_file(file).write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"mine\.validation\.json: is not a validation"):
        validation_beside(file, CALIBRATION)


def test_targets_are_missed_on_either_side() -> None:
    assert validation_of(CALIBRATION, 96.0).missed == []
    assert validation_of(CALIBRATION, 94.0).missed == ["makespan"]
    assert validation_of(CALIBRATION, 112.0).missed == ["makespan", "wait.mean"]


def test_each_gpu_type_has_its_own_calibrations_validation(file: Path) -> None:
    both = {"h100-sxm": CALIBRATION, "rtx-4090": shipped_calibration("rtx-4090")}
    assert list(validations_for(both, {"h100-sxm": str(file)})) == ["h100-sxm"]
    assert list(validations_for(dict.fromkeys(both, CALIBRATION), str(file))) == ["h100-sxm", "rtx-4090"]
    assert validations_for({"rtx-4090": both["rtx-4090"]}, None) == {}


def test_a_run_says_how_far_off_the_last_validation_was(file: Path, small: Path) -> None:
    document = read_document(small).override("replications", 1).override("horizon", "3 d").override("calibration", str(file))
    line = basis_lines(run_plan(document).summary)[0]  # those of the devices come first
    assert line.endswith("validated on 2026-11-24 with 0 real jobs: makespan off by 3%, mean wait by 3%")


def test_a_validation_is_not_taken_for_a_calibration() -> None:
    """Both lie in one folder."""
    assert not [name for name in measured_calibrations() if "validation" in name]


def test_another_devices_calibration_is_refused_with_both_names() -> None:
    here = CALIBRATION.device.model_copy(update={"id": "rtx-9000", "name": "NVIDIA RTX 9000"})
    refuse_other_device(CALIBRATION, CALIBRATION.device)
    with pytest.raises(InputError, match=r"is of h100-sxm .*and this is rtx-9000 \(NVIDIA RTX 9000\)"):
        refuse_other_device(CALIBRATION, here)


def test_a_file_here_stands_for_a_device_before_the_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    device = next(iter(measured_calibrations()))
    assert calibration_file(device) == measured_calibrations()[device]
    (tmp_path / f"{device}.json").touch()
    assert calibration_file(device) == Path(f"{device}.json")


def test_what_cannot_be_written_is_refused_and_leaves_no_half_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a missing folder, a full disk: the old validation stays."""
    for target in (file.parent, file.parent / "missing" / "x.json"):
        with pytest.raises(InputError):
            writable_file(target)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sim.cost.validation.os.replace", full)
    with pytest.raises(InputError, match="No space left"):
        write_validation(validation_file(file), validation_of(CALIBRATION, 1.0))
    assert read_validation(validation_file(file)) == validation_of(CALIBRATION)
    assert len(list(file.parent.iterdir())) == 2


def test_slots_share_a_cpu_and_no_gpu() -> None:
    cpu, gpu = (shipped_calibration(device) for device in ("amd-epyc-f26-avx512-2c", "h100-sxm"))
    refuse_shared_gpu(cpu, 2)
    refuse_shared_gpu(gpu, 1)
    with pytest.raises(InputError, match="--workers: 2 slots would share one GPU"):
        refuse_shared_gpu(gpu, 2)
