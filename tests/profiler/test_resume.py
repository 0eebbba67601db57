"""A profile stopped at any moment goes on from what it had finished: every shape once in every process, and nothing left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

torch = pytest.importorskip("torch")

from profiler import budget  # noqa: E402
from profiler.budget import Depth  # noqa: E402
from profiler.measuring import Item, Request, Sample  # noqa: E402
from profiler.partial import LOG, PartialProfile  # noqa: E402
from profiler.processes import DiedError, MeasuringProcess  # noqa: E402
from profiler.profile import profile  # noqa: E402
from sim.cost.calibration import Measurement  # noqa: E402
from sim.scenario.errors import InputError  # noqa: E402

ONLY = {
    "matmul-bf16": [{"m": 16 * i, "n": 64, "k": 64} for i in range(1, 9)],
    "memory-copy": [{"bytes": size << 16} for size in range(1, 9)],
}
PLANNED = {Item(probe=probe, shape=shape).key for probe, shapes in ONLY.items() for shape in shapes}
DEPTH = Depth("quick", 2, 0.03, 60.0, 4.0)
PROFILE = f"""
import sys
from pathlib import Path
from profiler import budget
from profiler.profile import profile
budget.QUICK = budget.{DEPTH!r}
try:
    profile("cpu", out=Path(sys.argv[1]), only={ONLY!r})
except KeyboardInterrupt as stop:
    print(stop)
"""
PLAN = {"device": {"id": "here"}, "depth": ["quick", 2], "shapes": "abc"}


def start(target: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", PROFILE, str(target)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kept(target: Path) -> list[str]:
    """Process and item of every sample in the log."""
    log = target.parent / f".leadtime-profile-{target.name}" / LOG
    lines = log.read_text().split("\n")[1:-1] if log.exists() else []
    return [f"{sample.process} {sample.item.key}" for sample in map(Sample.model_validate_json, lines)]


def wait_for(target: Path, samples: int) -> None:
    deadline = time.monotonic() + 60
    while len(kept(target)) < samples:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def finish(target: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> tuple[list[Sample], tuple[Measurement, ...]]:
    """Profile to the end in this process; every sample it rests on, and what became of them."""
    samples: list[Sample] = []
    remove = PartialProfile.remove

    def removed(partial: PartialProfile) -> None:
        samples.extend(partial.samples)
        remove(partial)

    monkeypatch.setattr(PartialProfile, "remove", removed)
    monkeypatch.setattr(budget, "QUICK", DEPTH)
    calibration, _ = profile("cpu", out=target, only=ONLY, say=said.append)
    return samples, calibration.measurements


def test_killed_anywhere_every_shape_is_measured_once_in_every_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "here.json"
    random = Random(20240101)
    counts = sorted(random.sample(range(1, 2 * len(PLANNED)), 2))
    for count in counts:
        parent = start(target)
        wait_for(target, count)
        time.sleep(random.random() * 0.05)
        parent.kill()
        parent.communicate()
        assert not target.exists()
    before = kept(target)
    assert len(before) >= counts[-1]
    said: list[str] = []
    samples, measured = finish(target, monkeypatch, said)
    assert sorted((one.process, one.item.key) for one in samples) == sorted((number, key) for number in (0, 1) for key in PLANNED)
    assert [f"{one.process} {one.item.key}" for one in samples[: len(before)]] == before
    assert all(len(one.process_medians_s) == 2 for one in measured)
    assert len(said) == 1
    assert said[0].startswith(f"going on from {len(before)} measurements")
    assert list(tmp_path.iterdir()) == [target]


def test_ctrl_c_says_what_is_kept_and_a_measuring_process_that_is_killed_costs_one_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "here.json"
    psutil = pytest.importorskip("psutil")
    parent = start(target)
    wait_for(target, 5)
    child, waiting = sorted(psutil.Process(parent.pid).children(), key=psutil.Process.create_time)
    child.kill()
    wait_for(target, 8)
    others = psutil.Process(parent.pid).children()
    assert waiting in others
    assert child not in others
    parent.send_signal(signal.SIGINT)
    out, _ = parent.communicate(timeout=30)
    before = kept(target)
    assert out.strip() == (
        f"stopped; {len(before)} measurements are kept in {tmp_path}/.leadtime-profile-here.json: the same command goes on from there"
    )
    assert (tmp_path / ".leadtime-profile-here.json" / ".gitignore").read_text() == "*\n"
    assert not psutil.wait_procs(others, timeout=10)[1]
    samples, _ = finish(target, monkeypatch, [])
    lost = [one for one in samples if one.skipped is not None]
    assert len(lost) <= 1  # none where the kill fell between two shapes, and the next one's process was a fresh one
    assert all("SIGKILL" in (one.skipped or "") and one.scope == "process" for one in lost)
    assert {one.item.key for one in samples if one.skipped is None} == PLANNED


def test_a_measuring_process_that_cannot_start_is_one_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(DiedError, match=r"ended with code 1: .*no-such-device"):
        MeasuringProcess("no-such-device", tmp_path, 0).wait()


def test_an_answer_that_never_comes_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiler.processes.PATIENCE_S", 0.2)
    monkeypatch.setattr("profiler.processes.COMPILE_PATIENCE_S", 0.0)
    with MeasuringProcess("cpu", tmp_path, 0) as process:
        process.wait()
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(DiedError, match="gave no answer"):
            process.ask(Request(item=Item(probe="memory-copy", shape={"bytes": 1 << 16}), repeat_s=0.001, limit_s=0.1))


def test_a_cut_line_is_no_sample_and_is_written_anew(tmp_path: Path) -> None:
    target = tmp_path / "here.json"
    partial = PartialProfile.open(target, PLAN, print)
    samples = [Sample(item=Item(probe="p", shape={"m": i}), median_s=1.0, calls=1) for i in range(3)]
    for sample in samples:
        partial.add(sample)
    partial.close()
    log = partial.folder / LOG
    whole = log.read_bytes()
    for cut in range(1, len(whole.split(b"\n")[-2]) + 1, 7):
        log.write_bytes(whole[:-cut])
        again = PartialProfile.open(target, PLAN, lambda _: None)
        assert again.samples == samples[:2]
        again.add(samples[2])
        again.close()
        assert log.read_bytes() == whole


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (PLAN | {"device": {"id": "there"}}, "another device (id there, now here)"),
        (PLAN | {"depth": ["full", 4]}, "another depth (full, now quick)"),
        (PLAN | {"shapes": "abd"}, "other shapes"),
    ],
)
def test_what_is_part_of_another_profile_is_discarded_and_said(plan: dict[str, object], words: str, tmp_path: Path) -> None:
    target = tmp_path / "here.json"
    other = PartialProfile.open(target, plan, print)
    other.add(Sample(item=Item(probe="p", shape={"m": 1})))
    other.close()
    said: list[str] = []
    partial = PartialProfile.open(target, PLAN, said.append)
    assert partial.samples == []
    assert len(said) == 1
    assert words in said[0]
    assert json.loads((partial.folder / LOG).read_text()) == {"plan": PLAN}


def test_a_log_of_nothing_known_is_discarded(tmp_path: Path) -> None:
    target = tmp_path / "here.json"
    folder = tmp_path / ".leadtime-profile-here.json"
    folder.mkdir()
    (folder / LOG).write_bytes(b"\x00\xff{}\n[]\n")
    assert PartialProfile.open(target, PLAN, print).samples == []


def test_two_profiles_for_one_file_do_not_mix(tmp_path: Path) -> None:
    first = PartialProfile.open(tmp_path / "here.json", PLAN, print)
    with pytest.raises(InputError, match="another profile is being measured"):
        PartialProfile.open(tmp_path / "here.json", PLAN, print)
    first.close()
    assert list(tmp_path.iterdir()) == []
