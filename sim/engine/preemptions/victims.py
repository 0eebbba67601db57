"""Which of the jobs that yield do make room, so that the gang fits and the least work is thrown away."""

from collections.abc import Callable, Collection, Sequence

from sim.engine.placement import PackedNodes

Yields = Callable[[int], bool]


def victims(
    gpus: int,
    placement: PackedNodes,
    running: Sequence[Collection[int]],
    held: Callable[[int], int],
    yields: Yields,
    lost_gpu_s: Callable[[int], float],
) -> list[int] | None:
    """Jobs to interrupt so that a gang of `gpus` fits; None where even all that yield would not do.

    `running` are the jobs on each node, `held` a job's GPUs, `lost_gpu_s` the work that interrupting one throws away.
    """
    count = -(-gpus // placement.gpus_per_node) if gpus > placement.gpus_per_node else 1
    need = placement.gpus_per_node if count > 1 else gpus
    found: list[tuple[float, int, list[int]]] = []
    for node in range(placement.nodes):
        if placement.is_open(node):
            chosen = _on_node(need - placement.free_on(node), placement.gpus_per_node, running[node], held, yields, lost_gpu_s)
            if chosen is not None:
                found.append((sum(map(lost_gpu_s, chosen)), node, chosen))
    if len(found) < count:
        return None
    found.sort()
    return list(dict.fromkeys(job for _, _, chosen in found[:count] for job in chosen))


def _on_node(
    lacking: int, size: int, running: Collection[int], held: Callable[[int], int], yields: Yields, lost_gpu_s: Callable[[int], float]
) -> list[int] | None:
    """The cheapest of a node's jobs that yield, until no GPU is lacking."""
    chosen: list[int] = []
    if lacking <= 0:
        return chosen
    for _, job in sorted((lost_gpu_s(job), job) for job in running if yields(job)):
        chosen.append(job)
        lacking -= min(held(job), size)
        if lacking <= 0:
            return chosen
    return None
