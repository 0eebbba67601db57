"""AccaSim: gangs over nodes of a cluster, first come, first served and first fit, from a Standard Workload Format file of our jobs.

AccaSim 1.1.3 imports names that Python 3.10 moved; they are put back before it is imported. Its clock counts whole seconds.
"""

import collections
import collections.abc
import json
import logging
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

for name in ("Mapping", "MutableMapping", "Sequence", "Iterable", "Callable", "Hashable"):
    setattr(collections, name, getattr(collections.abc, name))

from accasim.base.allocator_class import FirstFit  # noqa: E402
from accasim.base.scheduler_class import FirstInFirstOut  # noqa: E402
from accasim.base.simulator_class import Simulator  # noqa: E402


def main(file: str) -> None:
    jobs = np.load(file)
    folder = Path(tempfile.mkdtemp())
    system = {
        "groups": {"nodes": {"core": int(jobs["gpus_per_node"])}},
        "resources": {"nodes": int(jobs["gpus_in_all"] // jobs["gpus_per_node"])},
        "system_name": "cluster",
        "start_time": 0,
        "equivalence": {"processor": {"core": 1}},
    }
    (folder / "system.json").write_text(json.dumps(system))
    rows = zip(jobs["arrival_s"].astype(int).tolist(), np.ceil(jobs["duration_s"]).astype(int).tolist(), jobs["gpus"].tolist(), strict=True)
    lines = [f"{index} {at} 0 {lasts} {gpus} -1 -1 {gpus} {lasts} -1 1 1 1 1 1 1 -1 -1" for index, (at, lasts, gpus) in enumerate(rows, 1)]
    (folder / "jobs.swf").write_text("; UnixStartTime: 0\n" + "\n".join(lines) + "\n")
    logging.disable(logging.CRITICAL)
    files = str(folder / "jobs.swf"), str(folder / "system.json")
    off = dict.fromkeys(("statistics_output", "pprint_output", "benchmark_output"), False)
    simulator = Simulator(*files, FirstInFirstOut(FirstFit()), RESULTS_FOLDER_NAME=str(folder / "out"), scheduling_output=True, **off)
    began = time.perf_counter()
    simulator.start_simulation()
    print(json.dumps({"seconds": time.perf_counter() - began, "jobs": len(lines)}))


if __name__ == "__main__":
    main(sys.argv[1])
