"""Print the benchmarks of every topic, or of those named: ``python -m tests.benchmarks [TOPIC…]``. A topic is a file here with `run`."""

import argparse
from importlib import import_module

TOPICS = ("engine", "policies", "merging", "gpu", "commands", "studies")
WITH_PEERS = ("peers",)
"""Only where named: what they compare with is installed by ``make bench-peers``."""

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="speed as ratios, each pair measured in turns in one run"
    )
    known = (*TOPICS, *WITH_PEERS)
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"one of {', '.join(known)}; all but the last where none is named")
    topics = parser.parse_args().topics or TOPICS
    if unknown := [topic for topic in topics if topic not in known]:
        parser.error(f"found topic {unknown[0]!r}; one of {', '.join(known)} would do")
    for topic in topics:
        import_module(f"tests.benchmarks.{topic}").run()
