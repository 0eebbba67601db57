"""Which of the jobs that yield do make room, so that the gang fits and little work is thrown away.

The cheapest go first, by node and by the work that is lost; then whoever turns out not to be needed stays, dearest first.
"""

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
    return _needed([chosen for _, _, chosen in found], count, lost_gpu_s)


def _on_node(
    lacking: int, size: int, running: Collection[int], held: Callable[[int], int], yields: Yields, lost_gpu_s: Callable[[int], float]
) -> list[int] | None:
    """The cheapest of a node's jobs that yield, until no GPU is lacking, without those that the dearer ones make superfluous."""
    chosen: list[int] = []
    if lacking <= 0:
        return chosen
    for _, job in sorted((lost_gpu_s(job), job) for job in running if yields(job)):
        chosen.append(job)
        lacking -= min(held(job), size)
        if lacking <= 0:
            break
    for job in chosen[::-1]:
        if lacking + held(job) <= 0:
            chosen.remove(job)
            lacking += held(job)
    return chosen if lacking <= 0 else None


def _needed(nodes: Sequence[Sequence[int]], count: int, lost_gpu_s: Callable[[int], float]) -> list[int]:
    """Jobs whose end frees `count` of the nodes, given by the jobs that must end on each, cheapest first; nobody whom the rest can spare.

    A gang that ends on one of the first `count` may free nodes beyond them.
    """
    jobs = dict.fromkeys(job for node in nodes[:count] for job in node)
    freed = [node for node in nodes if all(job in jobs for job in node)]
    if len(freed) == count:
        return list(jobs)
    for job in sorted(jobs, key=lambda job: (-lost_gpu_s(job), job)):
        rest = [node for node in freed if job not in node]
        if len(rest) >= count:
            freed = rest
            del jobs[job]
    return list(jobs)
