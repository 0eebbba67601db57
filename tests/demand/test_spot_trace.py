"""Recorded spot zones: read as published, scaled to a pool, and refused with a remedy where they cannot be used."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from sim.demand.spot_trace import SpotTrace, open_spot_trace
from sim.scenario.errors import InputError

GOOD = {"metadata": {"gap_seconds": 300}, "data": [0, 4, 4, 2, 4]}


@pytest.mark.traces
@pytest.mark.parametrize(
    ("zone", "share"),
    [("us-east-1a", 0.167), ("02-15-2023_us-west-2b", 0.905), ("us-east-2b", 0.547), ("us-west-2a", 0.431)],
)
def test_published_zones_are_available_as_published(traces_dir: Path, zone: str, share: float) -> None:
    """Between 17 % and 90 % of the time, as the data of NSDI 24 has it."""
    trace = open_spot_trace(str(traces_dir / "spot"), zone)
    assert trace.share.mean() == pytest.approx(share, abs=0.001)
    assert 7 < trace.length_s / 86400 < 60


def test_steps_scale_to_the_pool_and_keep_their_times() -> None:
    """The share of the most, whole nodes only, one step a change."""
    trace = SpotTrace(300.0, np.array([0.0, 1.0, 1.0, 0.5, 1.0]))
    assert trace.steps(4) == [(0.0, 0), (300.0, 4), (900.0, 2), (1200.0, 4)]
    assert trace.steps(3) == [(0.0, 0), (300.0, 3), (900.0, 1), (1200.0, 3)]


def test_plain_and_packed_files_read_alike(tmp_path: Path) -> None:
    """Gzip is only a wrapping."""
    (tmp_path / "a.json").write_text(json.dumps(GOOD))
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(json.dumps(GOOD).encode()))
    one, two = (open_spot_trace(str(tmp_path / name), None) for name in ("a.json", "b.json.gz"))
    assert one.gap_s == two.gap_s
    assert one.share.tolist() == two.share.tolist()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "is not JSON"),
        (gzip.compress(json.dumps(GOOD).encode(), mtime=0)[:-9], "trace.json"),
        (b'{"data": [1]}', "is no spot trace"),
        (json.dumps(GOOD | {"data": [0, 0]}).encode(), "some above 0"),
        (json.dumps(GOOD | {"data": [1, -1]}).encode(), "is no spot trace"),
        (json.dumps(GOOD | {"data": [1, "2"]}).encode(), "is no spot trace"),
        (json.dumps(GOOD | {"metadata": {"gap_seconds": 0}}).encode(), "is no spot trace"),
    ],
)  # fmt: skip
def test_corrupt_traces_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    """Never a traceback, never a zone made up of nothing."""
    file = tmp_path / ("trace.json.gz" if content[:2] == b"\x1f\x8b" else "trace.json")
    file.write_bytes(content)
    with pytest.raises(InputError, match=says):
        open_spot_trace(str(file), None)


def test_missing_files_and_unknown_zones_name_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, an empty folder, no such zone, a zone that two files have, and a variable nobody set."""
    monkeypatch.delenv("NO_SUCH_TRACES", raising=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in ("x_us-west-2a.json", "x_us-west-2b.json"):
        (tmp_path / name).write_text(json.dumps(GOOD))
    cases = {
        (str(tmp_path / "none.json"), None): "No such file",
        (str(empty), "us-west-2a"): "holds no trace",
        (str(tmp_path), None): "add 'zone",
        (str(tmp_path), "us-west-2c"): "no file of it",
        (str(tmp_path), "us-west"): "2 files of it",
        (str(tmp_path / "x_us-west-2a.json"), "us-east-1a"): "no such zone",
        ("$NO_SUCH_TRACES/spot", None): "not set",
    }
    for (path, zone), says in cases.items():
        with pytest.raises(InputError, match=says):
            open_spot_trace(path, zone)
