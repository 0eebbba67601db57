"""Published figures against what the shipped calibrations predict of them (``leadtime validate --published`` prints all of them).

The band is the calibration's own: error_p95 read as in `Calibration.spread`.
"""

import pytest

from sim.cost.devices import shipped_calibration
from sim.cost.published import GPU_HOURS, SPEEDS, Fact, Speed, devices, facts, predicted_speed
from sim.report.published_rows import published_notes

PREDICTED = [row for row in SPEEDS if predicted_speed(row) is not None]


def band(device: str) -> float:
    """The factor either way within which 95 % of predictions are said to lie."""
    return 1 + shipped_calibration(device).fit("matmul-bf16").error_p95


def fact(what: str) -> Fact:
    return next(one for one in facts() if what in one.what)


@pytest.mark.parametrize("row", PREDICTED, ids=lambda row: f"{row.device} {row.what}")
def test_a_published_speed_lies_within_the_stated_band(row: Speed) -> None:
    """Holds the stated 95 % error against a published figure; a miss fails with both figures and their ratio."""
    speed, factor = predicted_speed(row), band(row.device)
    assert speed is not None
    ratio = speed / row.tokens_per_s
    line = f"{row.device} {row.model} {row.what}: predicted {speed:.0f}, published {row.tokens_per_s:.0f} tokens/s/GPU, ratio {ratio:.2f}"
    print(line)
    assert 1 / factor <= ratio <= factor, f"{line}; outside ×{factor:.2f} either way ({row.source})"


def test_the_int8_speedup_lies_within_the_published_one_and_none() -> None:
    """Holds the sign of torchao's 1.7-fold on an RTX 4090; the datasheet understates it, which a plan may and the reverse may not."""
    gain = fact("rtx-4090 Llama2-1B, all three products")
    assert gain.predicted is not None
    assert 1.0 < gain.predicted <= gain.published * band("rtx-4090")


def test_grad_input_follows_from_the_other_two_rows_of_its_table() -> None:
    """One switch of INT8 mixed precision, predicted from the two others with no device in between: within 5 %."""
    ratio = fact("RTX 4070 Ti SUPER").ratio
    assert ratio is not None
    assert 0.95 <= ratio <= 1.05


def test_published_gpu_hours_hold_more_than_good_steps() -> None:
    """The shortfall shrinks as models grow, as it does in the published figures themselves (13.9 %, 25.5 %, 34.6 % of peak)."""
    ratios = [fact(f"Llama 3.1 {size} on").ratio for size, *_ in GPU_HOURS]
    assert all(ratio is not None for ratio in ratios)
    assert ratios == sorted(ratios, key=float)  # type: ignore[arg-type]


def test_emissions_follow_from_gpu_hours_at_one_intensity() -> None:
    """Four published rows within 3 % of the first row's intensity; the first holds by construction and says so."""
    rows = [one for one in facts() if one.group == "Emissions"]
    assert "this row implies" in rows[0].note
    for row in rows[1:]:
        assert row.ratio == pytest.approx(1, abs=0.03), row.what


def test_what_is_not_predicted_says_why() -> None:
    """No row is dropped because it could not be met."""
    for one in facts():
        assert one.source
        assert one.predicted is not None or one.note, one.what
    assert any(one.predicted is None for one in facts())


def test_predictions_from_datasheets_are_marked_extrapolated() -> None:
    """Holds that nothing printed here passes for measured unless its calibration is."""
    calibrations = [shipped_calibration(device) for device in devices()]
    assert set(devices()) >= {row.device for row in PREDICTED}
    notes = published_notes(facts(), calibrations)
    for calibration in calibrations:
        word = "EXTRAPOLATED" if calibration.source == "datasheet" else "measured on"
        assert any(note.startswith(f"predictions for {calibration.device.id}: {word}") for note in notes)
