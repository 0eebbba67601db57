"""One fresh process that measures what it is asked, an item at a time: requests as JSON lines on stdin, a sample a line on stdout.

Started as ``python -m profiler.measuring DEVICE FOLDER SEED KIND`` by `profiler.processes`; the spread within one process lies about that
between several. It holds no plan and keeps nothing: when its parent goes, it goes too, and whatever it does loses one item at most.
"""

import gc
import os
import queue
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import BaseModel, ConfigDict

from profiler.child_environment import give_back
from profiler.probes import Probe, Shape, smaller

READY = "ready"
ALONE_KIND, GROUPED_KIND = "alone", "grouped"
"""Of a process: for probes that join no group of processes, or for those that do, which compile nothing."""
GRACE_S = 2.0
"""From the end of the requests to a forced end: an idle process leaves by itself, a measuring one is not waited for."""
WAITED_S = 0.005
"""Of a GPU's work until it is waited for, where its energy is counted: long beside the wait, short beside the counter's steps."""
BUSY_S, MOST_QUEUED = 0.02, 200
"""Of work queued on a GPU when its driver is asked for its clock, which takes milliseconds; and calls that may be queued for it."""
KEPT_SHARE = 0.25
"""Of the machine's memory, may stay with a process between shapes. A virtual machine takes what is given back from its host anew, slowly
and at its neighbours' pace: where nothing stayed (two Zen 3 cores), shapes took 40 % longer in all, and times differed between processes
by 13 to 14 % instead of 4 to 5 % (losses and gates with their backward), speeds taken off."""
OUT_OF_MEMORY = ("allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


class Item(BaseModel):
    """A probe's shape to measure."""

    model_config = ConfigDict(frozen=True)
    probe: str
    shape: Shape

    @property
    def key(self) -> str:
        return f"{self.probe} {sorted(self.shape.items())}"

    def __str__(self) -> str:
        return f"{self.probe} ({', '.join(f'{name} {size}' for name, size in self.shape.items())})"


class Request(BaseModel):
    """Measure an item, with `repeat_s` seconds of timed calls, in `limit_s` seconds altogether.

    `energy` asks for the joules of a call, where the device counts them.
    """

    item: Item
    repeat_s: float
    limit_s: float
    energy: bool = False


class Sample(BaseModel):
    """One item in one process; `skipped` says why there is no time, and `scope` what that is true of: the shape, larger ones too, the whole
    probe, or only this process, which died of it.

    `measured` is the smaller shape that was measured where the planned one did not fit in memory; `elapsed_s` is what all of it took,
    `compiling_s` of it to compile what other shapes need not compile again, `shape_compiling_s` what they do (a later process finds either
    on the disk), `energy_s` to count joules.
    """

    item: Item
    process: int = 0
    skipped: str | None = None
    scope: Literal["shape", "larger", "probe", "process"] = "shape"
    measured: Shape | None = None
    elapsed_s: float = 0.0
    compiling_s: float = 0.0
    shape_compiling_s: float = 0.0
    energy_s: float = 0.0
    median_s: float = 0.0
    p5_s: float = 0.0
    p95_s: float = 0.0
    calls: int = 0
    flush_s: float | None = None
    product_s: float | None = None
    bytes: float = 0.0
    flops: float = 0.0
    peak_memory_bytes: float | None = None
    energy_j: float | None = None
    clock_hz: float | None = None
    note: str | None = None


def measure(request: Request, probe: Probe, device: Any, folder: Path) -> Sample:
    """One item here and now; a shape that does not fit in memory is halved until it does; an anchor's is left out."""
    began = time.perf_counter()
    shape: Shape | None = request.item.shape
    sample = Sample(item=request.item, skipped="does not fit in memory" + ("" if probe.anchor else ", and neither does any smaller shape"))
    while shape is not None:
        found = _measure_shape(request, shape, probe, device, folder)
        if found is not None:
            shrunk = {"measured": shape, "scope": "shape"}  # why a shape that nobody planned fails says nothing of the others
            sample = found if shape == request.item.shape else found.model_copy(update=shrunk)
            break
        _release(device)
        shape = None if probe.anchor else smaller(shape)
    _release(device)
    return sample.model_copy(update={"elapsed_s": time.perf_counter() - began})


def _measure_shape(request: Request, shape: Shape, probe: Probe, device: Any, folder: Path) -> Sample | None:
    """A sample of this shape; None where it does not fit in memory."""
    import torch

    from profiler.flushing import buffer_on
    from profiler.timing import TooSlowError, time_call

    item, began = request.item, time.perf_counter()
    flushed = buffer_on(device).nbytes  # there from the first shape on, so that it can be taken off each one's peak
    try:
        work = probe.prepare(shape, device, folder)
        left_s = request.limit_s - (time.perf_counter() - began)
        timing = time_call(work, device, request.repeat_s, left_s)
        clock_hz, held_back = while_running(work.call, timing.median_s, driver) if (driver := _driver(device)) else (None, [])
        counting = time.perf_counter()
        watts = _power(work.call, timing.median_s, driver) if driver and request.energy else None
        energy_s = time.perf_counter() - counting
    except TooSlowError as error:
        return Sample(item=item, skipped=str(error), scope="larger")
    except OSError as error:
        return Sample(item=item, skipped=_reason(error))
    except Exception as error:  # a device or a library of it refuses in any words: the other probes are measured all the same
        return None if _out_of_memory(error) else Sample(item=item, skipped=_reason(error), scope="probe")
    finally:
        _clear(folder)
    return Sample(
        item=item,
        median_s=timing.median_s,
        p5_s=timing.p5_s,
        p95_s=timing.p95_s,
        calls=timing.calls,
        compiling_s=timing.compiling_s if work.compiles == "once" else 0.0,
        shape_compiling_s=timing.compiling_s if work.compiles == "each" else 0.0,
        energy_s=energy_s,
        flush_s=timing.flush_s,
        product_s=timing.product_s,
        bytes=work.bytes,
        flops=work.flops,
        peak_memory_bytes=float(torch.cuda.max_memory_allocated() - flushed) if device.type == "cuda" else None,
        energy_j=None if watts is None else watts * timing.median_s,
        clock_hz=clock_hz,
        note="; ".join(filter(None, (work.note, _throttled(held_back, item)))) or None,
    )


def _throttled(held_back: list[str], item: Item) -> str | None:
    return f"{item.probe}: the GPU's clocks were held back by {' and '.join(held_back)}" if held_back else None


def _driver(device: Any) -> Any:
    """What the GPU's driver tells (`profiler.nvml.Nvml`); None on a CPU and where it tells nothing."""
    if device.type != "cuda":
        return None
    from profiler.nvml import nvml_here

    return nvml_here()


def while_running(call: Callable[[], object], call_s: float, driver: Any) -> tuple[float | None, list[str]]:
    """The SM clock, and what holds it back, while calls that take `BUSY_S` are queued: an idle GPU has another."""
    import torch

    for _ in range(min(max(1, round(BUSY_S / max(call_s, 1e-7))), MOST_QUEUED)):
        call()
    told = driver.clock_hz(), driver.held_back()
    torch.cuda.synchronize()
    return told


def _power(call: Callable[[], object], call_s: float, driver: Any) -> float | None:
    """Watts while calls of about `call_s` run, as many waited for together as take `WAITED_S`: after each, the GPU would idle."""
    import torch

    from profiler.energy import power_while

    together = max(1, round(WAITED_S / max(call_s, 1e-7)))

    def finished() -> None:
        for _ in range(together):
            call()
        torch.cuda.synchronize()

    return power_while(finished, driver.energy_j, time.perf_counter)


def _out_of_memory(error: Exception) -> bool:
    """CUDA's allocator has an error of its own for it; a CPU's, pinned host memory and CUDA's libraries only say so in words."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or ['no message'])[0][:120]}"


def _clear(folder: Path) -> None:
    for left in folder.glob("*-[0-9]*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _release(device: Any) -> None:
    """One shape's memory goes before the next one's comes; a CPU's stays with this process, for the next one, while it is not much."""
    import psutil
    import torch

    from profiler.device import memory_bytes

    gc.collect()
    gc.freeze()  # what is left stays, a compiler's thousands of objects among it: 0.12 s less for every later collection
    if device.type == "cuda":
        torch.cuda.synchronize()  # where CUDA cannot go on it raises here and ends this process, so that a fresh one goes on
        torch.cuda.empty_cache()
    if psutil.Process().memory_info().rss > KEPT_SHARE * memory_bytes():
        give_back()


def _requests() -> Iterator[Request]:
    """Requests from stdin as they come; the end of them ends the process, if need be by force."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            lines.put(line)
        lines.put(None)
        time.sleep(GRACE_S)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while (line := lines.get()) is not None:
        yield Request.model_validate_json(line)


def _answers() -> IO[str]:
    """Stdout for samples alone: whatever else prints there goes to stderr."""
    own = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    return own


def _begin(device: Any) -> None:
    """What a process does first, on no shape's account: it opens the device, and loads the compiler, which optimisers ask too (1.7 s)."""
    import torch

    from profiler.compiling import can_compile
    from profiler.flushing import flush_on

    can_compile(device.type)
    flush_on(device)()
    square = torch.ones(64, 64, device=device)
    float((square @ square).sum())  # waits


def main(device_name: str, folder: str, seed: str, kind: str) -> None:
    answers = _answers()
    import torch

    from profiler.probes import all_probes

    torch.manual_seed(int(seed))
    device, probes = torch.device(device_name), all_probes()
    if kind == ALONE_KIND:
        _begin(device)
    gc.collect()
    gc.freeze()  # collecting after every shape then takes no time for all that torch brought with it
    print(READY, file=answers)
    for request in _requests():
        print(measure(request, probes[request.item.probe], device, Path(folder)).model_dump_json(), file=answers)


if __name__ == "__main__":
    main(*sys.argv[1:5])
