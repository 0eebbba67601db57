"""What flushes a CPU's caches is larger than all of its last-level ones together, as its system describes them."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler import flushing  # noqa: E402

MIB = 2**20


def describe(cpus: Path, cpu: int, index: int, **facts: str) -> None:
    folder = cpus / f"cpu{cpu}" / "cache" / f"index{index}"
    folder.mkdir(parents=True)
    for name, fact in facts.items():
        (folder / name).write_text(f"{fact}\n")


def test_caches_that_cores_share_count_once_and_smaller_levels_not_at_all(tmp_path: Path) -> None:
    for cpu, shared in enumerate(("0-1", "0-1", "2-3", "2-3")):
        describe(tmp_path, cpu, 0, level="1", size="48K", shared_cpu_list=str(cpu))
        describe(tmp_path, cpu, 1, level="2", size="1024K", shared_cpu_list=str(cpu))
        describe(tmp_path, cpu, 2, level="3", size="32M", shared_cpu_list=shared)
    assert flushing.last_caches_bytes(tmp_path) == 64 * MIB


def test_one_core_may_have_every_level_alone(tmp_path: Path) -> None:
    describe(tmp_path, 0, 0, level="1", size="48K", shared_cpu_list="0")
    describe(tmp_path, 0, 1, level="3", size="2048K", shared_cpu_list="0")
    assert flushing.last_caches_bytes(tmp_path) == 2 * MIB


@pytest.mark.parametrize("size", ["", "much", "32X"])
def test_what_a_system_does_not_tell_is_not_guessed(size: str, tmp_path: Path) -> None:
    assert flushing.last_caches_bytes(tmp_path) is None
    describe(tmp_path, 0, 0, level="3", size=size, shared_cpu_list="0")
    assert flushing.last_caches_bytes(tmp_path) is None


def test_a_flush_reads_more_than_any_cache_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(torch.Tensor, "sum", lambda buffer: read.append(buffer.nbytes))
    flushing.flush_on(torch.device("cpu"))()
    known = flushing.last_caches_bytes(flushing.CPUS)
    assert read == [flushing.TIMES * known if known else flushing.UNKNOWN_BYTES]
