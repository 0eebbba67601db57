"""Named random streams: every source of chance has its own, so that changing one never moves another.

A stream is spawned from (seed, replication, name). Adding a provider or a workload leaves all others' draws as they were, which makes two
plans comparable job by job (common random numbers).
"""

import hashlib

import numpy as np


def stream(seed: int, replication: int, *name: str) -> np.random.Generator:
    """The stream of this name; the same on every machine and in every process."""
    digest = hashlib.sha256("\0".join(name).encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u4")
    sequence = np.random.SeedSequence(seed, spawn_key=(replication, *(int(word) for word in words)))
    return np.random.Generator(np.random.PCG64(sequence))
