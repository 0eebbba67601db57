"""An elastic pool at work: look, ask the provider for nodes, wait for its answer, give back what nobody needs."""

from collections.abc import Callable

from sim.engine.autoscaling import Load, SpareNodes, wanted_nodes
from sim.engine.pool import Change
from sim.engine.volatile_pool import VolatilePool
from sim.engine.watch import Watch
from sim.scenario.elastic import Elastic

SCALE_DOWN = "scale-down"


def autoscale(
    pool: VolatilePool, watch: Watch, elastic: Elastic, draw_delay: Callable[[], float], horizon_s: float = float("inf")
) -> Change:
    """Look every `elastic.every` seconds for as long as there is work, and then, up to the horizon, for as long as nodes are to go back."""
    clock, spare = pool.clock, SpareNodes(elastic.idle)
    pool.number_up_to(elastic.max)
    asked_at, looks = float("-inf"), 0
    while True:
        yield clock.until(looks * elastic.every)
        if not watch.work_left() and (pool.held + pool.asked <= elastic.min or clock.now >= horizon_s):
            return
        looks, now = looks + 1, clock.now
        coming = pool.whole + pool.asked
        wanted = max(wanted_nodes(elastic.scale_up, _load(pool, coming)), elastic.min)
        more = min(wanted - coming, elastic.max - pool.out_of_reach - pool.held - pool.asked)
        if more > 0 and now - asked_at >= elastic.cool_down:
            pool.asked, asked_at = pool.asked + more, now
            answer = now + draw_delay()
            pool.back_s = now + pool.plan.mean_delay_s
            clock.process(_arrive(pool, more, elastic.max, answer))
        free = pool.nodes.whole_nodes_free()
        surplus = min(spare.note(now, len(free)), pool.whole - elastic.min)
        if surplus > 0 and more <= 0 and not pool.asked:
            pool.leave(free[:surplus], SCALE_DOWN)
            spare.forget()


def _load(pool: VolatilePool, nodes: int) -> Load:
    wait, gpus = pool.first_in_line()
    return Load(nodes, pool.plan.gpus_per_node, pool.busy_gpus, pool.waiting_gpu_s, wait, gpus)


def _arrive(pool: VolatilePool, nodes: int, most: int, at_s: float) -> Change:
    """Nodes come with the provider's answer; fewer where it has taken some in the meantime."""
    yield pool.clock.until(at_s)
    pool.asked -= nodes
    pool.come(min(nodes, most - pool.out_of_reach - pool.held))
