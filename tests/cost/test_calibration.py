"""A calibration file is what it says or an error that names the file: nothing between."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler.fit import fit_family
from sim.cost.calibration import Calibration, load_calibration
from sim.cost.datasheets import DATASHEETS, datasheet_calibration
from sim.cost.devices import calibrations_for, known_devices, measured_calibrations, shipped_calibration
from sim.cost.fit import Fit
from sim.scenario.errors import InputError

MEASURED = measured_calibrations()
positive = st.floats(1e-3, 1e12)


@pytest.mark.parametrize("device", sorted(MEASURED))
def test_a_shipped_measurement_reads_back_and_is_one(device: str, tmp_path: Path) -> None:
    """Holds that shipped files are measured, go through JSON unchanged, and bear the name of their device."""
    calibration = load_calibration(MEASURED[device])
    assert calibration.source == "measured"
    assert not calibration.extrapolated
    assert calibration.device.id == device
    copy = tmp_path / "copy.json"
    copy.write_text(calibration.model_dump_json(), encoding="utf-8")
    assert load_calibration(copy) == calibration
    for family, fit in calibration.fits.items():
        assert fit.family == family
        assert fit.held_out_shapes >= 1
        assert {one.family for one in calibration.measurements} >= {family}


@pytest.mark.parametrize("device", sorted(MEASURED))
def test_a_shipped_error_is_what_its_own_held_out_shapes_give(device: str) -> None:
    """Holds that a shipped file's errors can be found again from its own measurements, shape by shape."""
    calibration = load_calibration(MEASURED[device])
    for family, fit in calibration.fits.items():
        again, _ = fit_family(family, [one for one in calibration.measurements if one.family == family])
        assert again.held_out_shapes == fit.held_out_shapes
        assert again.error_median == pytest.approx(fit.error_median, rel=0.02), family
        assert again.error_p95 == pytest.approx(fit.error_p95, rel=0.02), family


@pytest.mark.parametrize("device", sorted(DATASHEETS))
def test_a_datasheet_is_marked_extrapolated_and_says_its_assumptions(device: str) -> None:
    """Holds the promise that nothing extrapolated passes for measured, nor beats its published peaks."""
    sheet = DATASHEETS[device]
    calibration = datasheet_calibration(sheet)
    assert calibration.extrapolated
    assert any("assumed" in note for note in calibration.notes)
    assert (calibration.fit("matmul-bf16").flops_per_s or math.inf) < sheet.bf16
    assert (calibration.fit("matmul-int8").flops_per_s or math.inf) < sheet.int8
    assert (calibration.fit("memory-copy").bytes_per_s or math.inf) < sheet.memory_bandwidth
    assert all(fit.error_p95 >= fit.error_median > 0 for fit in calibration.fits.values())


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        load_calibration(path)
    assert all(problem.where == str(path) for problem in caught.value.problems)
    return caught.value


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "Invalid JSON"),
        (b'{"source": "measured", ', "Invalid JSON"),
        (b"\xff\xfe\x00not text", "not text"),
        (b"[1, 2, 3]", "not a usable calibration"),
        (b"null", "not a usable calibration"),
    ],
    ids=["empty", "cut off", "binary", "a list", "null"],
)
def test_a_corrupt_file_is_refused_in_one_line(content: bytes, expected: str, tmp_path: Path) -> None:
    """Holds the promise of one problem with file and remedy, and never a traceback."""
    path = tmp_path / "calibration.json"
    path.write_bytes(content)
    error = refused(path)
    assert len(error.problems) == 1
    assert "\n" not in str(error)
    assert expected in str(error)
    assert "leadtime profile" in str(error)


def test_a_foreign_file_is_refused_by_key(tmp_path: Path) -> None:
    """Holds that another program's JSON is refused, each problem with its key, no more than five of them."""
    path = tmp_path / "package.json"
    path.write_text(json.dumps({"name": "left-pad", "version": "1.0.0"}), encoding="utf-8")
    problems = refused(path).problems
    assert 1 <= len(problems) <= 5
    assert all(problem.key and "\n" not in str(problem) for problem in problems)


@pytest.mark.parametrize(("kind", "expected"), [("folder", "is a folder"), ("missing", "No such file")])
def test_what_is_no_file_is_refused_in_one_line(kind: str, expected: str, tmp_path: Path) -> None:
    """Holds the promise of one problem with file and remedy."""
    error = refused(tmp_path if kind == "folder" else tmp_path / "missing.json")
    assert len(error.problems) == 1
    assert expected in str(error)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema_version", 2),
        ("source", "guessed"),
        ("colour", "red"),
        ("fits", {"memory-copy": {"family": "memory-copy", "error_median": -1}}),
    ],
)
def test_one_wrong_value_is_refused(key: str, value: object, tmp_path: Path) -> None:
    """Holds that a later schema, an unknown source or key, and a negative error are never read as if they were right."""
    document = json.loads(datasheet_calibration(DATASHEETS["h100-sxm"]).model_dump_json())
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document | {key: value}), encoding="utf-8")
    assert any(problem.key.startswith(key) for problem in refused(path).problems)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "0", "1e999"])
def test_a_rate_that_is_no_rate_is_refused(number: str, tmp_path: Path) -> None:
    """Holds that no infinity, NaN, zero or negative rate enters a plan."""
    text = datasheet_calibration(DATASHEETS["h100-sxm"]).model_dump_json()
    path = tmp_path / "changed.json"
    path.write_text(text.replace('"memory_bytes":80000000000.0', f'"memory_bytes":{number}'), encoding="utf-8")
    refused(path)


@given(
    factor=st.floats(0.01, 100), overhead=st.floats(0, 1), rate=positive, bandwidth=positive, half=st.floats(0, 1e4), added=st.booleans()
)
def test_a_scaled_fit_takes_that_many_times_as_long(
    factor: float, overhead: float, rate: float, bandwidth: float, half: float, added: bool
) -> None:
    """Holds linearity, for both formulas and any shape: uncertainty in a family multiplies its seconds and nothing else."""
    fit = Fit(
        family="f", formula="sum" if added else "roofline", overhead_s=overhead, flops_per_s=rate, bytes_per_s=bandwidth,
        half=dict.fromkeys("mnk", half), error_median=0.1, error_p95=0.3,
    )  # fmt: skip
    scaled = fit.scaled(factor)
    for m, n, k in ((1, 1, 1), (16, 4096, 300), (8192, 8192, 8192)):
        assert scaled.matmul_seconds(m, n, k, 1e6) == pytest.approx(factor * fit.matmul_seconds(m, n, k, 1e6), rel=1e-9)
    assert scaled.bytes_seconds(1e9) == pytest.approx(factor * fit.bytes_seconds(1e9), rel=1e-9)
    assert (scaled.error_median, scaled.error_p95) == (0.1, 0.3)


def test_scaling_touches_only_the_families_named() -> None:
    """Holds that families are uncertain one by one, and that the original stays as it was."""
    before = datasheet_calibration(DATASHEETS["a100-sxm-80gb"])
    after = before.scaled({"memory-copy": 2.0, "no-such-family": 9.0})
    assert {name for name in before.fits if before.fits[name] != after.fits[name]} == {"memory-copy"}
    assert before == datasheet_calibration(DATASHEETS["a100-sxm-80gb"])
    assert before.scaled({}) == before


def test_the_spread_gives_the_stated_error_back() -> None:
    """Holds the log-normal reading of error_p95: 1.96 standard deviations up are 1 + error."""
    calibration = datasheet_calibration(DATASHEETS["h100-sxm"])
    fit = calibration.fit("matmul-bf16")
    assert math.exp(1.96 * calibration.spread("matmul-bf16")) == pytest.approx(1 + fit.error_p95)


def test_an_unmeasured_family_is_an_error_that_says_what_would_do() -> None:
    """Holds the promise that an error names found and would do."""
    with pytest.raises(InputError, match=r"has no fit of int8-linear, on which .* 'leadtime profile --full'"):
        datasheet_calibration(DATASHEETS["h100-sxm"]).fit("int8-linear")


def test_a_fit_without_a_rate_is_not_guessed() -> None:
    """Holds that a copy's fit says nothing of products, nor a product's without traffic of bytes."""
    with pytest.raises(ValueError, match="no arithmetic rate"):
        Fit(family="f", bytes_per_s=1e9, error_median=0, error_p95=0).matmul_seconds(1, 1, 1)
    with pytest.raises(ValueError, match="no bandwidth"):
        Fit(family="f", flops_per_s=1e9, error_median=0, error_p95=0).bytes_seconds(1)


def test_a_users_file_goes_before_what_is_shipped(tmp_path: Path) -> None:
    """Holds the order: the user's file, a shipped measurement, a datasheet; one file alone stands for every type."""
    mine = datasheet_calibration(DATASHEETS["h100-sxm"]).scaled({"memory-copy": 3.0})
    path = tmp_path / "mine.json"
    path.write_text(mine.model_dump_json(), encoding="utf-8")
    assert calibrations_for(["h100-sxm", "rtx-4090"], {"h100-sxm": str(path)}) == {
        "h100-sxm": mine,
        "rtx-4090": shipped_calibration("rtx-4090"),
    }
    assert calibrations_for(["h100-sxm", "rtx-4090"], str(path)) == {"h100-sxm": mine, "rtx-4090": mine}
    with pytest.raises(InputError, match="which no pool has"):
        calibrations_for(["rtx-4090"], {"h100-sxm": str(path)})


def test_every_known_device_has_a_calibration_and_no_other_has() -> None:
    """Holds that the listing and the look-up agree, and that a misspelt device is refused with the nearest."""
    for device in known_devices():
        assert isinstance(shipped_calibration(device), Calibration)
    with pytest.raises(InputError, match=r"'h100-sxn'.*h100-sxm"):
        shipped_calibration("h100-sxn")
