"""Bare heap loops for the policies that order and backfill, with no library and no engine: what CPython can do at best.

Node-level, as the engine is: nodes by free GPUs, gangs packed on the fullest node that fits. Each loop is one function, of one policy.
"""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from sim.demand.table import JobTable


class Nodes:
    """Nodes in lists by free count, stale entries dropped when they are met."""

    def __init__(self, nodes: int, size: int) -> None:
        self.size = size
        self.free_of = [size] * nodes
        self.by_free: list[list[int]] = [[] for _ in range(size + 1)]
        self.by_free[size] = list(range(nodes))

    def place(self, want: int, shut: frozenset[int] = frozenset()) -> Any:
        """Nodes for a gang, none of those that are shut; None where it does not fit."""
        size, free_of = self.size, self.free_of
        if want > size:
            count = -(-want // size)
            whole = [node for node in self.by_free[size] if free_of[node] == size and node not in shut]
            if len(whole) < count:
                return None
            taken = whole[-count:]
            gone = set(taken)
            self.by_free[size] = [node for node in self.by_free[size] if node not in gone and free_of[node] == size]
            for node in taken:
                free_of[node] = 0
            return taken
        for count in range(want, size + 1):
            stack, kept, found = self.by_free[count], [], None
            while stack:
                node = stack.pop()
                if free_of[node] != count:
                    continue
                if node in shut:
                    kept.append(node)
                    continue
                found = node
                break
            stack.extend(kept)
            if found is not None:
                free_of[found] = count - want
                self.by_free[count - want].append(found)
                return found
        return None

    def release(self, gpus: int, where: Any) -> None:
        if isinstance(where, list):
            for node in where:
                self.free_of[node] = self.size
            self.by_free[self.size].extend(where)
        else:
            self.free_of[where] += gpus
            self.by_free[self.free_of[where]].append(where)


def _loop(jobs: JobTable, came: Callable[[int, float], None], ended: Callable[[int, Any, float], None], ends: list[Any]) -> None:
    """Arrivals and ends in order of time."""
    for job, now in enumerate(jobs.arrival_s.tolist()):
        while ends and ends[0][0] <= now:
            at, done, where = heappop(ends)
            ended(done, where, at)
        came(job, now)
    while ends:
        at, done, where = heappop(ends)
        ended(done, where, at)


def priority_loop(jobs: JobTable, nodes: int, size: int) -> list[float]:
    """Strict priority: a heap of (−priority, job). Start times."""
    gpus, lasts, priority = jobs.gpus.tolist(), jobs.duration_s[0].tolist(), jobs.priority.tolist()
    free, ends, queue, start = Nodes(nodes, size), list[Any](), list[tuple[int, int]](), [0.0] * len(jobs)

    def serve(now: float) -> None:
        while queue:
            job = queue[0][1]
            where = free.place(gpus[job])
            if where is None:
                return
            heappop(queue)
            start[job] = now
            heappush(ends, (now + lasts[job], job, where))

    def came(job: int, now: float) -> None:
        heappush(queue, (-priority[job], job))
        if queue[0][1] == job:
            serve(now)

    def ended(job: int, where: Any, now: float) -> None:
        free.release(gpus[job], where)
        serve(now)

    _loop(jobs, came, ended, ends)
    return start


def fair_share_loop(jobs: JobTable, nodes: int, size: int) -> list[float]:
    """Strict fair share: a deque a tenant, the tenant with the fewest GPU-seconds first. Start times."""
    gpus, lasts, tenant = jobs.gpus.tolist(), jobs.duration_s[0].tolist(), jobs.tenant.tolist()
    tenants = len(jobs.tenants)
    had, holds, at = [0.0] * tenants, [0] * tenants, [0.0] * tenants
    queues = [deque[int]() for _ in range(tenants)]
    free, ends, start = Nodes(nodes, size), list[Any](), [0.0] * len(jobs)

    def held(who: int, change: int, now: float) -> None:
        had[who] += holds[who] * (now - at[who])
        at[who] = now
        holds[who] += change

    def serve(now: float) -> None:
        while True:
            waiting = [(had[who] + holds[who] * (now - at[who]), who) for who in range(tenants) if queues[who]]
            if not waiting:
                return
            who = min(waiting)[1]
            job = queues[who][0]
            where = free.place(gpus[job])
            if where is None:
                return
            queues[who].popleft()
            held(who, gpus[job], now)
            start[job] = now
            heappush(ends, (now + lasts[job], job, where))

    def came(job: int, now: float) -> None:
        queues[tenant[job]].append(job)
        serve(now)

    def ended(job: int, where: Any, now: float) -> None:
        free.release(gpus[job], where)
        held(tenant[job], -gpus[job], now)
        serve(now)

    _loop(jobs, came, ended, ends)
    return start


def easy_loop(jobs: JobTable, nodes: int, size: int, window: int) -> list[float]:
    """EASY as usually written: for each look, what runs is sorted by its end anew and walked until the first in line fits. Start times."""
    gpus, lasts = jobs.gpus.tolist(), jobs.duration_s[0].tolist()
    free, ends, queue, start = Nodes(nodes, size), list[Any](), deque[int](), [0.0] * len(jobs)

    def begin(job: int, where: Any, now: float) -> None:
        start[job] = now
        heappush(ends, (now + lasts[job], job, where))

    def reservation(want: int) -> tuple[float, list[int]]:
        will, count = list(free.free_of), -(-want // size)
        whole = [node for node, left in enumerate(will) if left == size]
        for end, job, where in sorted(ends):
            for node in where if isinstance(where, list) else (where,):
                will[node] += size if isinstance(where, list) else gpus[job]
                if want <= size and will[node] >= want:
                    return end, [node]
                if will[node] == size:
                    whole.append(node)
            if want > size and len(whole) * size >= want:
                return end, whole[len(whole) - count :]
        raise AssertionError("a gang larger than the pool")

    def overtake(behind: list[int], now: float) -> None:
        until, nodes_kept = reservation(gpus[queue[0]])
        shut = frozenset(nodes_kept)
        for job in behind:
            where = free.place(gpus[job], shut)
            if where is None and now + lasts[job] <= until:
                where = free.place(gpus[job])
            if where is not None:
                queue.remove(job)
                begin(job, where, now)

    def serve(now: float) -> None:
        while queue:
            where = free.place(gpus[queue[0]])
            if where is None:
                break
            begin(queue.popleft(), where, now)
        if len(queue) > 1:
            overtake([queue[index] for index in range(1, min(len(queue), window + 1))], now)

    def came(job: int, now: float) -> None:
        queue.append(job)
        if len(queue) == 1:
            serve(now)
        elif len(queue) <= window + 1:
            overtake([job], now)

    def ended(job: int, where: Any, now: float) -> None:
        free.release(gpus[job], where)
        serve(now)

    _loop(jobs, came, ended, ends)
    return start
