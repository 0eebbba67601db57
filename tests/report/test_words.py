"""Numbers as a reader sees them: no amount vanishes in rounding, and a calibration says what it cannot tell."""

from pathlib import Path

import pytest

from sim.cost.datasheets import DATASHEETS, datasheet_calibration
from sim.report.calibration_rows import how_to_use
from sim.report.words import usd, value


@pytest.mark.parametrize(
    ("dollars", "said"),
    [
        (0.0, "$0.00"),
        (-5.1e-13, "$0.00"),
        (0.000067, "$0.000067"),
        (-0.0042, "-$0.0042"),
        (0.0996, "$0.10"),
        (0.12, "$0.12"),
        (99.5, "$99.50"),
        (2260, "$2,260"),
    ],
)
def test_money(dollars: float, said: str) -> None:
    assert usd(dollars) == said


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ("workload.slowdown.jobs", "90"),
        ("workload.wait.jobs", "90"),
        ("workload.slowdown.wait.p95", "1.5 min"),
        ("workload.wait.slowdown.p95", "90×"),
        ("wait.mean", "1.5 min"),
        ("slowdown.mean", "90×"),
    ],
)
def test_a_figure_has_its_unit_whatever_its_workload_is_called(figure: str, said: str) -> None:
    assert value(figure, 90.0) == said


def test_what_is_dearer_than_on_demand_even_at_full_use_never_pays() -> None:
    """No use is over 100 %."""
    figure = "commitment.break_even_utilisation"
    assert (value(figure, 0.407), value(figure, 1.695)) == ("40.7%", "never")


def test_a_profile_says_what_to_do_with_it() -> None:
    """The next command where every kind of job can be told, else what is lacking for which."""
    whole = datasheet_calibration(DATASHEETS["h100-sxm"])
    assert how_to_use(whole, Path("my-gpu.json")) == "leadtime run second-source --set calibration=my-gpu.json"
    fits = {name: fit for name, fit in whole.fits.items() if name != "disk-read"}
    said = how_to_use(whole.model_copy(update={"fits": fits}), Path("my-gpu.json"))
    assert "merge (no fit of disk-read)" in said
    assert "training" not in said
    assert "leadtime profile --full" in said
