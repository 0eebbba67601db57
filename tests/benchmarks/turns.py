"""How a benchmark measures and speaks: calls in turns, the best of each kept, a ratio beside its target."""

import time
from collections.abc import Callable, Sequence

TURNS = 5


def best_seconds(calls: Sequence[Callable[[], object]], turns: int = TURNS) -> list[float]:
    """The shortest of several turns of each call, taken in turns."""
    best = [float("inf")] * len(calls)
    for _ in range(turns):
        for index, call in enumerate(calls):
            began = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - began)
    return best


def say(what: str, found: float, target: str, unit: str = "") -> None:
    print(f"{what:72} {found:10.3g}{unit:5} target {target}", flush=True)
