"""A spot zone as it was recorded: how many instances could be had at each tick (format of github.com/skypilot-org/spot-traces).

Read once however many pools and replications follow it. What cannot be used is refused with the file, what was found and what would do.
"""

import gzip
import json
import os
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sim.demand.file_state import State, state_of
from sim.demand.table import Floats
from sim.scenario.errors import InputError
from sim.scenario.nearest import nearest


@dataclass(frozen=True)
class SpotTrace:
    """`share` of the zone's most instances that were there during each tick of `gap_s` seconds."""

    gap_s: float
    share: Floats

    @property
    def length_s(self) -> float:
        return self.gap_s * len(self.share)

    def steps(self, nodes: int) -> list[tuple[float, int]]:
        """(seconds, nodes there) at each change, for a pool of `nodes` at the zone's most; a part of a node does not count."""
        there = np.floor(self.share * nodes + 1e-9).astype(np.int64)
        changes = np.flatnonzero(np.diff(there, prepend=-1))
        return [(float(tick * self.gap_s), int(there[tick])) for tick in changes]


def open_spot_trace(path: str, zone: str | None) -> SpotTrace:
    """The trace at `path`, or the one of `zone` in that folder; ``$NAME`` is taken from the environment. InputError where there is none."""
    file = Path(os.path.expandvars(path))
    if str(file).startswith("$"):
        raise InputError.of(
            f"found {path!r}, and that variable is not set in the environment; set it, or write the file's path", key="trace"
        )
    if file.is_dir():
        file = _of_zone(file, zone)
    elif zone is not None and zone not in file.name:
        raise InputError.of(f"found zone {zone!r} beside the file {file.name}, whose name has no such zone; leave one out", key="zone")
    return _read(file, state_of(file))


def _of_zone(folder: Path, zone: str | None) -> Path:
    files = {file.name: file for file in sorted(folder.glob("*.json*"))}
    if not files:
        raise InputError.of(f"found the folder {folder}, which holds no trace (*.json, *.json.gz)", key="trace")
    if zone is None:
        raise InputError.of(f"found the folder {folder} and no zone; add 'zone: …', part of one of: {', '.join(files)}", key="trace")
    matching = [name for name in files if zone in name]
    if len(matching) != 1:
        found = f"{len(matching)} files of it ({', '.join(matching)})" if matching else f"no file of it; {nearest(zone, list(files))}"
        raise InputError.of(
            f"found zone {zone!r}, and in {folder} {found}; name one file under 'trace' or more of its name here", key="zone"
        )
    return files[matching[0]]


@lru_cache(maxsize=16)
def _read(file: Path, state: State) -> SpotTrace:  # noqa: ARG001  of another state another trace is kept
    try:
        raw = file.read_bytes()
        data = json.loads(gzip.decompress(raw) if file.suffix == ".gz" else raw)
    except OSError as error:  # bad gzip is one too
        raise InputError.of(f"cannot be read: {error.strerror or error}", where=str(file), key="trace") from None
    except (ValueError, EOFError, zlib.error) as error:
        raise InputError.of(f"is not JSON: {error}; give one of SkyPilot's spot traces", where=str(file), key="trace") from None
    gap, counts = _parts(data)
    if gap is None or counts is None or counts.max() <= 0:
        raise InputError.of(
            'is no spot trace; it holds {"metadata": {"gap_seconds": …}, "data": [instances at each tick, some above 0]}',
            where=str(file), key="trace",
        )  # fmt: skip
    return SpotTrace(gap, counts / counts.max())


def _parts(data: Any) -> tuple[float | None, Floats | None]:
    """Tick and counts, None where they are not there or are no numbers of instances."""
    if not isinstance(data, dict) or not isinstance(data.get("metadata"), dict):
        return None, None
    gap, counts = data["metadata"].get("gap_seconds"), data.get("data")
    if isinstance(gap, bool) or not isinstance(gap, int | float) or not 0 < gap < float("inf"):
        return None, None
    if not isinstance(counts, list) or not counts or not all(type(one) is int and one >= 0 for one in counts):
        return None, None
    return float(gap), np.array(counts, np.float64)
