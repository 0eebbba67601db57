"""A replication as it lies in the store: JSON, and Arrow files for the tables of its history; no pickles, so that reading runs no code.

Arrow rather than Parquet: a Parquet file of an empty table forgets the categories of its columns, and a study that was stopped must end
with the same bytes as one that was not. Run folders hold Parquet.
"""

import json
from collections.abc import Mapping
from dataclasses import astuple, fields
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import ipc

from sim.results.ledger import Line
from sim.results.usage import Timeline
from sim.study.replication import Replication

ARRAY, TABLE = "@float64", "@table"
"""Mark in JSON an array, as ``{"@float64": [...]}``, and the name of a table."""


def encode(replication: Replication) -> tuple[str, dict[str, bytes]]:
    """The JSON text of everything but tables, and each table as the bytes of an Arrow file."""
    tables: dict[str, bytes] = {}

    def plain(value: Any, name: str) -> Any:
        if isinstance(value, pd.DataFrame):
            tables[name] = _arrow(value)
            return {TABLE: name}
        if isinstance(value, np.ndarray):
            assert value.dtype == np.float64
            return {ARRAY: value.tolist()}
        if isinstance(value, Timeline):
            return {field.name: plain(getattr(value, field.name), field.name) for field in fields(value)}
        if isinstance(value, Mapping):
            return {key: plain(one, f"{name}.{key}") for key, one in value.items()}
        return value

    said = {field.name: plain(getattr(replication, field.name), field.name) for field in fields(replication)}
    return json.dumps(said | {"lines": [astuple(line) for line in replication.lines]}, default=np.generic.item), tables


def decode(said: str, tables: Mapping[str, bytes]) -> Replication:
    """What `encode` was given, to the bit."""

    def rich(value: Any) -> Any:
        if isinstance(value, list):
            return tuple(value)
        if not isinstance(value, dict):
            return value
        if set(value) == {TABLE}:
            return ipc.open_stream(tables[value[TABLE]]).read_next_batch().to_pandas()
        return np.array(value[ARRAY], np.float64) if set(value) == {ARRAY} else {key: rich(one) for key, one in value.items()}

    found = json.loads(said)
    lines = tuple(Line(*row) for row in found.pop("lines"))
    known = {name: rich(value) for name, value in found.items()}
    return Replication(**known | {"levels": Timeline(**known["levels"]), "lines": lines})


def _arrow(table: pd.DataFrame) -> bytes:
    """As one batch, also where it has no row: categories travel with batches."""
    batch = pa.RecordBatch.from_pandas(table, preserve_index=False)
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, batch.schema, options=ipc.IpcWriteOptions(compression="lz4")) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())
