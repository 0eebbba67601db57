"""Trace readers: what the file says is what is replayed; what cannot be used is counted, and what is no trace refused."""

import gzip
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.jobs import open_trace
from sim.demand.traces import READERS, read_trace
from sim.report.rows import basis_lines
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document
from sim.scenario.workloads import TraceFormat, TraceWorkload
from sim.study.run import run_plan

PHILLY = {"submit_s": "timestamp", "gpus": "num_gpus", "duration_s": "duration", "tenant": "cluster"}


@pytest.mark.traces
def test_philly(traces_dir: Path) -> None:
    """82 247 jobs of 15 virtual clusters, 978 078 GPU-hours, 2017-09-04 to 2017-12-22."""
    jobs = read_trace(traces_dir / "philly-sia.csv.gz", "csv", PHILLY, {})
    assert len(jobs) == 82_247
    assert (jobs.gpus * jobs.duration_s).sum() / 3600 == pytest.approx(978_078, abs=1)
    assert len(jobs.tenants) == 15
    assert jobs.submit_s[0] == 0
    assert 108 * 86400 < jobs.submit_s[-1] < 110 * 86400
    assert jobs.unusable == {}


@pytest.mark.traces
def test_one_virtual_cluster(traces_dir: Path) -> None:
    """`where` keeps one cluster's rows; together the clusters are the whole."""
    whole = read_trace(traces_dir / "philly-sia.csv.gz", "csv", PHILLY, {})
    name = whole.tenants[0]
    part = read_trace(traces_dir / "philly-sia.csv.gz", "csv", PHILLY, {"cluster": name})
    assert len(part) == (whole.tenant == 0).sum()
    with pytest.raises(InputError, match="which no row has"):
        read_trace(traces_dir / "philly-sia.csv.gz", "csv", PHILLY, {"cluster": "nobody"})


@pytest.mark.traces
def test_openb(traces_dir: Path) -> None:
    """8 152 pods: 897 never scheduled, 1 052 without a GPU; logged waits of the others average 69.95 s."""
    jobs = read_trace(traces_dir / "openb_pod_list_default.csv.gz", "openb", {}, {})
    assert len(jobs) == 6_203
    assert jobs.unusable == {"never scheduled": 897, "asks for no GPU": 1_052}
    assert jobs.logged_wait_s.mean() == pytest.approx(69.95, abs=0.01)
    assert "share of a GPU" in jobs.notes[0]


@pytest.mark.traces
def test_swf(traces_dir: Path) -> None:
    """The archive's files, with and without header, gzipped."""
    lublin = read_trace(traces_dir / "lublin_256.swf.gz", "swf", {}, {})
    assert (len(lublin), int(lublin.gpus.max())) == (10_000, 256)
    nasa = read_trace(traces_dir / "NASA-iPSC-1993-3.1-cln.swf.gz", "swf", {}, {})
    assert len(nasa) + sum(nasa.unusable.values()) == 18_239
    assert int(nasa.gpus.max()) == 128
    assert np.isnan(nasa.logged_wait_s).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-1, 9), st.integers(-5, 10**5)), min_size=1, max_size=40))
def test_used_and_unusable_rows_add_up(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, int]]) -> None:
    """No row is lost, and what is used is what was written."""
    path = tmp_path_factory.mktemp("csv") / "jobs.csv"
    path.write_text("submit_s,gpus,duration_s\n" + "".join(f"{s},{g},{d}\n" for s, g, d in rows), encoding="utf-8")
    good = sorted((s, g, d) for s, g, d in rows if g >= 1 and d > 0)
    if not good:
        with pytest.raises(InputError, match="no usable row"):
            read_trace(path, "csv", {}, {})
        return
    jobs = read_trace(path, "csv", {}, {})
    assert len(jobs) + sum(jobs.unusable.values()) == len(rows)
    read = zip(jobs.submit_s + good[0][0], jobs.gpus, jobs.duration_s, strict=True)
    assert sorted((int(s), int(g), int(d)) for s, g, d in read) == good


def test_absolute_timestamps_and_all_columns(tmp_path: Path) -> None:
    """Documented columns, gzip, ISO timestamps."""
    path = tmp_path / "jobs.csv.gz"
    text = (
        "job_id,submit_s,gpus,duration_s,estimate_s,tenant,priority\n"
        "b,2024-01-01 01:00:00,2,10,20,red,3\na,2024-01-01T00:00:00Z,1,5,,blue,\n"
    )
    path.write_bytes(gzip.compress(text.encode()))
    jobs = read_trace(path, "csv", {}, {})
    assert jobs.submit_s.tolist() == [0.0, 3600.0]
    assert jobs.priority.tolist() == [0, 3]
    assert [jobs.tenants[index] for index in jobs.tenant] == ["blue", "red"]
    assert np.isnan(jobs.estimate_s[0])
    assert jobs.estimate_s[1] == 20


def test_an_estimate_of_nothing_is_none(tmp_path: Path) -> None:
    """−1 and 0 are written where nobody estimated, and a blank: believed, they would have such jobs backfilled anywhere."""
    path = tmp_path / "jobs.csv"
    path.write_text("submit_s,gpus,duration_s,estimate_s\n0,1,10,-1\n1,1,10,0\n2,1,10,\n3,1,10,20\n", encoding="utf-8")
    assert np.isnan(read_trace(path, "csv", {}, {}).estimate_s).tolist() == [True, True, True, False]


def test_a_priority_or_estimate_that_cannot_be_read_is_counted_and_not_changed(tmp_path: Path) -> None:
    """2.9 is not 2 and "high" not 0: such rows are not used. Empty cells, and rows that end before them, give nothing."""
    rows = [
        "0,1,10,7,-3",
        "1,1,10,,",
        "2,1,10",
        "3,1,10,7,high",
        "4,1,10,7,2.9",
        "5,1,10,7,1e10",
        "6,1,10,oops,1",
        "7,1,10,inf,1",
        "8,1,10,7,2.0",
    ]
    path = tmp_path / "jobs.csv"
    path.write_text("\n".join(["submit_s,gpus,duration_s,estimate_s,priority", *rows]), encoding="utf-8")
    jobs = read_trace(path, "csv", {}, {})
    assert jobs.unusable == {"priority not a whole number from −1,000,000,000 to 1,000,000,000": 3, "estimate not a number": 2}
    assert jobs.submit_s.tolist() == [0, 1, 2, 8]
    assert jobs.priority.tolist() == [-3, 0, 0, 2]
    assert np.isnan(jobs.estimate_s).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("first", "notes"),
    [
        ("0", ()),
        ("1728000", ("times count from its first job, 20 d into the file, which comes at the start",)),
        ("2024-01-21T00:00:00", ()),
    ],
)
def test_a_first_job_that_is_moved_to_the_start_is_told(tmp_path: Path, first: str, notes: tuple[str, ...]) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text(f"submit_s,gpus,duration_s\n{first},2,10\n", encoding="utf-8")
    assert read_trace(path, "csv", {}, {}).notes == notes


def test_a_row_that_cannot_be_used_begins_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("submit_s,gpus,duration_s\n5,0,10\n86400,2,10\n", encoding="utf-8")
    (note,) = read_trace(path, "csv", {}, {}).notes
    assert "its first job, 1 d into the file" in note


def test_rows_that_are_not_used_are_told_one_or_many(tmp_path: Path, small: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("submit_s,gpus,duration_s\n0,2,10\n1,0,10\n2,2,0\n3,2,0\n", encoding="utf-8")
    document = open_document(str(small)).override("workloads.merges", {"kind": "trace", "format": "csv", "path": str(path)})
    lines = basis_lines(run_plan(document.override("replications", 1).override("horizon", "2 d")).summary)
    assert "merges: 1 row not used: asks for no GPU" in lines
    assert "merges: 2 rows not used: no duration above 0" in lines


def test_jobs_after_the_horizon_are_told(tmp_path: Path, small: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text("submit_s,gpus,duration_s\n0,2,10\n863999,2,10\n1728000,2,10\n", encoding="utf-8")
    document = open_document(str(small)).override("workloads.merges", {"kind": "trace", "format": "csv", "path": str(path)})
    assert "merges: 1 of 3 jobs comes after the horizon of 10 d" in run_plan(document.override("replications", 1)).summary.notes


@pytest.mark.parametrize(
    ("content", "form", "columns", "says"),
    [
        (b"submit_s,gpus\n1,1\n", "csv", {}, "no column 'duration_s'"),
        (b"t,gpus,duration_s\n1,1,1\n", "csv", {"submit_s": "tt"}, "found 'tt'"),
        (b"t,gpus,duration_s\n1,1,1\n", "csv", {"submit": "t"}, "did you mean 'submit_s'"),
        (b"a,a\n1,1\n", "csv", {}, "twice"),
        (b"\x1f\x8bbroken", "csv", {}, "damaged gzip"),
        (b"\xff\xfe\x00\x01", "csv", {}, "not UTF-8"),
        (b"1 2 3\n", "swf", {}, "18 numbers"),
        (b"; only a header\n", "swf", {}, "no job"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, content: bytes, form: str, columns: dict[str, str], says: str) -> None:
    """One message, with the file or key and a remedy."""
    path = tmp_path / "trace"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_trace(path, form, columns, {})


def test_every_format_that_a_scenario_takes_has_a_reader() -> None:
    assert set(READERS) == set(get_args(TraceFormat))


def test_a_file_that_has_changed_is_read_anew(tmp_path: Path) -> None:
    """A dashboard lives for days, and what it replays is what is there."""
    path = tmp_path / "jobs.csv"
    work = TraceWorkload.model_validate({"kind": "trace", "format": "csv", "path": str(path)})
    for jobs in (1, 3):
        path.write_text("submit_s,gpus,duration_s\n" + "0,1,60\n" * jobs, encoding="utf-8")
        assert len(open_trace("jobs", work)) == jobs


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """Not there, not a file."""
    with pytest.raises(InputError, match="--set"):
        read_trace(tmp_path / "none.csv", "csv", {}, {})
    with pytest.raises(InputError, match="is a folder"):
        read_trace(tmp_path, "csv", {}, {})
