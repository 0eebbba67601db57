"""Named random streams: every source of chance has its own, so that changing one never moves another.

A stream is spawned from (seed, replication, name). Adding a provider or a workload leaves all others' draws as they were, which makes two
plans comparable job by job (common random numbers).

Replication ~k (negative) is the mirror of replication k: the same streams, each draw from the other end of its distribution.
"""

import hashlib

import numpy as np

from sim.demand.antithetic import Mirrored

MIRROR = 1
"""Last word of the spawn key of what only a mirrored stream draws."""


def stream(seed: int, replication: int, *name: str) -> np.random.Generator:
    """The stream of this name; the same on every machine and in every process."""
    digest = hashlib.sha256("\0".join(name).encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u4")
    key = (max(replication, ~replication), *(int(word) for word in words))
    bits = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key))
    if replication < 0:
        return Mirrored(bits, np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(*key, MIRROR)))))
    return np.random.Generator(bits)
