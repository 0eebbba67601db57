"""A replication as it lies in the store: JSON for what is small, Parquet for its tables; no pickles, so that reading runs no code."""

import io
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from sim.study.replication import Replication

ARRAY = "float64"
"""Marks an array in JSON, as ``{"float64": [...]}``."""


def encode(replication: Replication) -> tuple[str, dict[str, bytes]]:
    """The JSON text of everything but tables, and each table as the bytes of a Parquet file."""
    said: dict[str, Any] = {}
    tables: dict[str, bytes] = {}
    for field in fields(replication):
        value = getattr(replication, field.name)
        if isinstance(value, pd.DataFrame):
            tables[field.name] = _parquet(value)
        else:
            said[field.name] = _plain(value)
    return json.dumps(said), tables


def decode(said: str, tables: Mapping[str, bytes]) -> Replication:
    """What `encode` was given, to the bit."""
    values = {name: _rich(value) for name, value in json.loads(said).items()}
    values |= {name: pd.read_parquet(io.BytesIO(parquet)) for name, parquet in tables.items()}
    return Replication(**values)


def _parquet(table: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file, index=False)
    return file.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        assert value.dtype == np.float64
        return {ARRAY: value.tolist()}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


def _rich(value: Any) -> Any:
    if isinstance(value, dict):
        return np.array(value[ARRAY], np.float64) if set(value) == {ARRAY} else {key: _rich(one) for key, one in value.items()}
    return tuple(value) if isinstance(value, list) else value
