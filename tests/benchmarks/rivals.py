"""What the engine is measured against: a bare heap loop, an idiomatic SimPy model, and one SimPy process a job."""

from collections import deque
from collections.abc import Generator
from heapq import heappop, heappush
from typing import Any

import numpy as np
import simpy

from sim.demand.table import JobTable


def gang_jobs(count: int, load: float, seed: int = 1) -> JobTable:
    """Rigid gangs of 1–128 GPUs for 128 × 8 GPUs at an offered load; lognormal run times."""
    rng = np.random.default_rng(seed)
    gpus = rng.choice([1, 2, 4, 8, 16, 32, 64, 128], count, p=[0.5, 0.15, 0.12, 0.13, 0.05, 0.03, 0.015, 0.005])
    duration = rng.lognormal(7, 1, count)
    rate = load * 1024 / float((gpus * duration).mean())
    return JobTable.build(np.cumsum(rng.exponential(1 / rate, count)), gpus, duration)


def single_jobs(count: int, servers: int, load: float, seed: int = 1) -> JobTable:
    """M/M/c: one GPU each."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1 / (load * servers), count))
    return JobTable.build(arrival, np.ones(count, np.int32), rng.exponential(1.0, count))


def heap_loop(jobs: JobTable, nodes: int, size: int) -> list[float]:
    """Node-level strict FIFO with a heap of ends and no library: the limit in CPython. Start times."""
    arrival, gpus, duration = jobs.arrival_s.tolist(), jobs.gpus.tolist(), jobs.duration_s[0].tolist()
    free: list[list[int]] = [[] for _ in range(size + 1)]
    free[size] = list(range(nodes))
    free_of = [size] * nodes
    ends: list[tuple[float, int, Any]] = []
    queue: deque[int] = deque()
    start = [0.0] * len(arrival)

    def place(want: int) -> Any:
        if want > size:
            count = -(-want // size)
            if len(free[size]) < count:
                return None
            taken = [free[size].pop() for _ in range(count)]
            for node in taken:
                free_of[node] = 0
            return taken
        for count in range(want, size + 1):
            stack = free[count]
            while stack and free_of[stack[-1]] != count:
                stack.pop()
            if stack:
                node = stack.pop()
                free_of[node] = count - want
                free[count - want].append(node)
                return node
        return None

    def serve(now: float) -> None:
        while queue:
            job = queue[0]
            where = place(gpus[job])
            if where is None:
                return
            queue.popleft()
            start[job] = now
            heappush(ends, (now + duration[job], job, where))

    def finish() -> None:
        now, job, where = heappop(ends)
        if isinstance(where, list):
            for node in where:
                free_of[node] = size
                free[size].append(node)
        else:
            free_of[where] += gpus[job]
            free[free_of[where]].append(where)
        serve(now)

    for job, now in enumerate(arrival):
        while ends and ends[0][0] <= now:
            finish()
        queue.append(job)
        if len(queue) == 1:
            serve(now)
    while ends:
        finish()
    return start


def simpy_resource(jobs: JobTable, servers: int) -> float:
    """M/M/c as SimPy's documentation writes it: a Resource and a process a customer. Mean wait."""
    env = simpy.Environment()
    resource = simpy.Resource(env, servers)
    waits: list[float] = []

    def customer(run: float) -> Generator[simpy.Event, Any, None]:
        came = env.now
        with resource.request() as request:
            yield request
            waits.append(env.now - came)
            yield env.timeout(run)

    def source() -> Generator[simpy.Event, Any, None]:
        last = 0.0
        for when, run in zip(jobs.arrival_s.tolist(), jobs.duration_s[0].tolist(), strict=True):
            yield env.timeout(when - last)
            last = when
            env.process(customer(run))

    env.process(source())
    env.run()
    return float(np.mean(waits))


def process_a_job(jobs: JobTable, gpus: int) -> float:
    """Gangs on a pool of GPUs, one SimPy process each and a queue of our own. Mean wait."""
    env = simpy.Environment()
    free = gpus
    queue: deque[tuple[int, simpy.Event]] = deque()
    waits: list[float] = []

    def release(count: int) -> None:
        nonlocal free
        free += count
        while queue and queue[0][0] <= free:
            want, event = queue.popleft()
            free -= want
            event.succeed()

    def job(want: int, run: float) -> Generator[simpy.Event, Any, None]:
        nonlocal free
        came = env.now
        if queue or want > free:
            event = env.event()
            queue.append((want, event))
            yield event
        else:
            free -= want
        waits.append(env.now - came)
        yield env.timeout(run)
        release(want)

    def source() -> Generator[simpy.Event, Any, None]:
        last = 0.0
        for when, want, run in zip(jobs.arrival_s.tolist(), jobs.gpus.tolist(), jobs.duration_s[0].tolist(), strict=True):
            yield env.timeout(when - last)
            last = when
            env.process(job(want, run))

    env.process(source())
    env.run()
    return float(np.mean(waits))
