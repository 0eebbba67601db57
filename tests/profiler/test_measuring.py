"""Times are of the call and nothing else; what fails or crawls is skipped with the reason; processes join by their medians."""

import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from profiler import timing  # noqa: E402
from profiler.measuring import Item, Plan, Sample, measure  # noqa: E402
from profiler.probes import Work, all_probes  # noqa: E402
from profiler.processes import join, measure_in_processes, range_note  # noqa: E402
from sim.scenario.errors import InputError  # noqa: E402

CPU = torch.device("cpu")
PRODUCTS = [{"m": 32, "n": 32, "k": 32 * i} for i in range(1, 4)]


def sample(shape: dict[str, int], median: float, *, skipped: str | None = None, note: str | None = None) -> Sample:
    item = Item(probe="matmul-bf16", shape=shape)
    return Sample(item=item, skipped=skipped, median_s=median, p5_s=0.9 * median, p95_s=1.2 * median, calls=4, bytes=8, flops=2, note=note)


def items(name: str, shapes: list[dict[str, int]]) -> list[Item]:
    return [Item(probe=name, shape=shape) for shape in shapes]


def test_a_timing_is_the_calls_own_seconds() -> None:
    found = timing.time_call(lambda: time.sleep(0.004), CPU, 0.05)
    assert 0.004 <= found.p5_s <= found.median_s <= found.p95_s
    assert found.median_s < 0.012
    assert 3 <= found.calls <= 30


def test_a_slow_call_is_still_timed_several_times() -> None:
    assert timing.time_call(lambda: time.sleep(0.1), CPU, 0.001).calls >= timing.LEAST_CALLS


def test_every_warm_up_goes_before_the_timing() -> None:
    calls: list[float] = []

    def slow_at_first() -> None:
        calls.append(time.perf_counter())
        time.sleep(0.05 if len(calls) <= 3 else 0.001)

    assert timing.time_call(slow_at_first, CPU, 0.02, warm_up=3).p95_s < 0.02


def test_what_would_crawl_is_refused_after_a_small_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ABSURD_S", 0.5)
    timing.try_call(lambda: time.sleep(0.002), CPU, times_larger=10)
    with pytest.raises(timing.TooSlowError, match="largest shape would take about"):
        timing.try_call(lambda: time.sleep(0.002), CPU, times_larger=1000)
    monkeypatch.setattr(timing, "ABSURD_S", 0.01)
    with pytest.raises(timing.TooSlowError, match="one call took"):
        timing.time_call(lambda: time.sleep(0.02), CPU, 0.01)


def test_an_operation_that_raises_is_skipped_and_the_others_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def broken(shape: dict[str, int], device: object, folder: Path) -> Work:  # noqa: ARG001
        tried.append(shape)
        raise RuntimeError("no kernel for this\nstack of it")

    monkeypatch.setattr(type(all_probes()["int8-linear"]), "prepare", staticmethod(broken))
    listed = [*items("int8-linear", PRODUCTS), *items("matmul-bf16", PRODUCTS)]
    found = measure(Plan(device="cpu", folder=str(tmp_path), seed=3, least_s=0.001, items=listed))
    refused = [one for one in found if one.item.probe == "int8-linear"]
    assert [one.skipped for one in refused] == ["RuntimeError: no kernel for this"] * 3
    assert len(tried) == 1
    measured = [one for one in found if one.item.probe == "matmul-bf16"]
    assert len(measured) == 3
    assert all(one.median_s > 0 and one.skipped is None for one in measured)


def test_processes_see_the_same_shapes_in_orders_of_their_own(tmp_path: Path) -> None:
    listed = items("matmul-fp32", [{"m": 32, "n": 32, "k": 16 * i} for i in range(1, 9)])
    orders = [
        [one.item.shape["k"] for one in measure(Plan(device="cpu", folder=str(tmp_path), seed=seed, least_s=1e-4, items=listed))]
        for seed in range(3)
    ]
    assert all(sorted(order) == [16 * i for i in range(1, 9)] for order in orders)
    assert orders[0] != orders[1] != orders[2]


def test_files_of_the_disk_probes_are_gone_after_each_shape(tmp_path: Path) -> None:
    listed = [*items("disk-read", [{"bytes": 1 << 16}]), *items("disk-write", [{"bytes": 1 << 16}])]
    found = measure(Plan(device="cpu", folder=str(tmp_path), seed=0, least_s=0.001, items=listed))
    assert [one.skipped for one in found] == [None, None]
    assert list(tmp_path.iterdir()) == []


def test_a_measurement_is_the_median_of_the_processes_medians() -> None:
    shape = {"m": 32, "n": 32, "k": 32}
    runs = [[sample(shape, seconds)] for seconds in (3e-3, 1e-3, 2e-3)]
    (found,), notes = join(runs, all_probes())
    assert found.median_s == 2e-3
    assert found.process_medians_s == (3e-3, 1e-3, 2e-3)
    assert (found.p5_s, found.p95_s) == pytest.approx((0.9e-3, 3.6e-3))
    assert found.repeats == 12
    assert notes == []
    assert range_note([found]) == "between processes: slowest over fastest 3.00 at the median shape, 3.00 at the 95 % one"


def test_processes_that_disagree_too_far_are_called_disturbed() -> None:
    runs = [[sample(PRODUCTS[0], seconds)] for seconds in (1e-3, 9e-3, 1e-3)]
    assert range_note(join(runs, all_probes())[0]).endswith("disturbed, profile again when nothing else runs")


def test_skipped_operations_and_doubts_become_notes_once() -> None:
    first, second = PRODUCTS[:2]
    runs = [[sample(first, 0, skipped="RuntimeError: no"), sample(second, 1e-3, note="looks cached")] for _ in range(2)]
    measured, notes = join(runs, all_probes())
    assert [one.shape for one in measured] == [second]
    assert notes == ["skipped matmul-bf16: RuntimeError: no", "looks cached"]


def test_a_process_that_dies_is_an_input_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ended with code 1.*no-such-probe.*nothing was written"):
        measure_in_processes([Item(probe="no-such-probe", shape={"m": 1})], "cpu", tmp_path, processes=1, least_s=0.001, progress=None)
