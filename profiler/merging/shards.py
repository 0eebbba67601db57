"""Models as folders of safetensors shards: where every tensor lies, whether models can be merged, and the layout of the merged one.

Only headers are read here (https://github.com/huggingface/safetensors: eight bytes of length, JSON, then the tensors), so a model of any
size is described in a moment. What does not fit together is told all at once, before anything is written.
"""

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sim.scenario.errors import InputError, Problem

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
MERGED = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
"""Dtypes that are merged; a tensor of any other is taken from the first model as it is."""
SHOWN = 5


@dataclass(frozen=True)
class Stored:
    """A tensor in a file: `offset` is its first byte's."""

    file: Path
    offset: int
    bytes: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class StoredModel:
    """Tensors by name, in the order of their shards and places; `shards` by file name, with the bytes of each."""

    folder: Path
    tensors: dict[str, Stored]
    shards: dict[str, int]
    metadata: dict[str, str] = field(default_factory=dict)


def stored_model(folder: Path) -> StoredModel:
    """What a folder holds; InputError, naming the file, where it is not a whole model."""
    index = folder / INDEX
    if index.is_file():
        places = _json(index, index.read_bytes()).get("weight_map")
        if not isinstance(places, dict) or not all(isinstance(one, str) for one in places.values()):
            raise InputError.of("has no 'weight_map' from tensors to shards; download the model again", where=str(index))
        shards = sorted(set(places.values()))
    elif (folder / SINGLE).is_file():
        places, shards = None, [SINGLE]
    else:
        raise InputError.of(f"holds no {INDEX} and no {SINGLE}; give a folder of safetensors shards", where=str(folder))
    tensors: dict[str, Stored] = {}
    metadata: dict[str, str] = {}
    for shard in shards:
        found, said = _header(folder / shard)
        tensors |= found
        metadata |= said
    if places is not None and (lost := [name for name, shard in places.items() if name not in tensors or tensors[name].file.name != shard]):
        raise InputError.of(f"says where {_some(lost)} lies, but the shard does not have it; download the model again", where=str(index))
    return StoredModel(folder, tensors, {shard: (folder / shard).stat().st_size for shard in shards}, metadata)


def check_agreement(models: Sequence[StoredModel]) -> None:
    """InputError with everything in which models differ from the first, so that they cannot be merged tensor by tensor."""
    first, problems = models[0], []
    for model in models[1:]:
        where = str(model.folder)
        if lacking := [name for name in first.tensors if name not in model.tensors]:
            problems.append(Problem(f"lacks {_some(lacking)}, which {first.folder} has", where))
        if beyond := [name for name in model.tensors if name not in first.tensors]:
            problems.append(Problem(f"has {_some(beyond)}, which {first.folder} lacks", where))
        for name, one in first.tensors.items():
            other = model.tensors.get(name)
            if other is not None and (other.dtype, other.shape) != (one.dtype, one.shape):
                found, wanted = (f"{it.dtype} {list(it.shape)}" for it in (other, one))
                problems.append(Problem(f"found {name} as {found}, but {first.folder} has it as {wanted}", where))
    if problems:
        told = problems[:SHOWN]
        if len(problems) > SHOWN:
            told.append(Problem(f"and {len(problems) - SHOWN} more differences; models to merge are tuned from one base"))
        raise InputError(told)


def merged_header(model: StoredModel, shard: str) -> tuple[bytes, list[str]]:
    """The head of a merged shard laid out as the model's own, and its tensors in the order of their bytes."""
    names = [name for name, one in model.tensors.items() if one.file.name == shard]
    entries: dict[str, Any] = {"__metadata__": model.metadata} if model.metadata else {}
    at = 0
    for name in names:
        one = model.tensors[name]
        entries[name] = {"dtype": one.dtype, "shape": list(one.shape), "data_offsets": [at, at + one.bytes]}
        at += one.bytes
    return head(entries), names


def head(entries: dict[str, Any]) -> bytes:
    """The bytes before a shard's first tensor."""
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def merged_index(model: StoredModel) -> bytes:
    """The merged model's index."""
    places = {name: one.file.name for name, one in model.tensors.items()}
    total = sum(one.bytes for one in model.tensors.values())
    return (json.dumps({"metadata": {"total_size": total}, "weight_map": places}, indent=2) + "\n").encode()


def _header(path: Path) -> tuple[dict[str, Stored], dict[str, str]]:
    """A shard's tensors in the order of their bytes, and its metadata."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
            if length > size - 8:
                raise InputError.of("is cut short or no safetensors file; download it again", where=str(path))
            entries = _json(path, file.read(length))
    except OSError as error:
        raise InputError.of(f"cannot be read: {error.strerror}", where=str(path)) from None
    metadata = entries.pop("__metadata__", {})
    try:
        tensors = {name: _stored(path, 8 + length, one) for name, one in entries.items()}
    except (KeyError, TypeError, ValueError):
        raise InputError.of("describes a tensor in no way that safetensors knows; download it again", where=str(path)) from None
    if max((one.offset + one.bytes for one in tensors.values()), default=0) > size:
        raise InputError.of("is cut short: its last tensors are missing; download it again", where=str(path))
    return dict(sorted(tensors.items(), key=lambda item: item[1].offset)), metadata


def _stored(path: Path, after: int, entry: dict[str, Any]) -> Stored:
    first, last = entry["data_offsets"]
    stored = Stored(path, after + first, last - first, entry["dtype"], tuple(entry["shape"]))
    if stored.dtype in MERGED and stored.bytes != stored.count * MERGED[stored.dtype].itemsize:
        raise ValueError
    return stored


def _json(path: Path, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError.of("is not what its name says: no JSON object where one should be; download it again", where=str(path))
    return found


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"tensor {names[0]}{more}"
