"""Merge models that need not fit anywhere: from shards to shards, a piece at a time, reading ahead and writing behind.

Three threads hand each other buffers: one fills some with the same piece of every model, one merges them, one appends the result to the
merged shard. Buffers have a fixed size, so memory is bounded whatever the model's size, and results have their own: a disk that is slow to
take them does not keep the next pieces from being read. A method that must see a whole tensor first (SLERP all of it, TIES a sample) does
so in the buffers where the tensor fits them, and reads from the files once more where it does not.
"""

import errno
import os
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from profiler.merging.combining import Combination, combination
from profiler.merging.elements import InFiles, InMemory
from profiler.merging.files import AppendedFile, drop_cache, read_into
from profiler.merging.recipe import Recipe
from profiler.merging.shards import INDEX, MERGED, Stored, StoredModel, check_agreement, merged_header, merged_index, stored_model
from profiler.merging.side_by_side import side_by_side
from sim.scenario.errors import InputError

SLOTS = 3
"""Pieces of every model, and of the result, that there is memory for."""
PIECE = 16 * 2**20
"""Bytes of a piece of one model, where the method takes tensors in any pieces: large reads, in a fraction of memory."""
SHARDS = 2.0
"""Memory for buffers, in shards of the first model: with what else a process needs they stay under three."""
WHOLE = ("slerp", "ties")
"""Methods that look at a tensor before they merge it."""


@dataclass(frozen=True)
class Streamed:
    """What a streamed merge moved and took; `buffer_bytes` is the memory of all buffers."""

    seconds: float
    bytes_read: int
    bytes_written: int
    buffer_bytes: int


@dataclass(frozen=True)
class Piece:
    """Bytes of a tensor, the same in every model; `whole` where they are all of it."""

    shard: str
    name: str
    first_byte: int
    last_byte: int
    whole: bool


Buffers = list[torch.Tensor]
"""Bytes of one piece, by model."""


def merge_folders(recipe: Recipe, models: Sequence[Path], out: Path, device: torch.device | None = None) -> Streamed:
    """Merge models' folders (the base first, where the method needs one) into a new one, laid out as the first; complete or absent.

    InputError where they cannot be merged, where `out` is there already, or where the disk has no room for it.
    """
    if len(models) != recipe.models:
        raise InputError.of(f"found {len(models)} models; {recipe.method} of {len(recipe.weights)} experts needs {recipe.models}")
    stored = [stored_model(folder) for folder in models]
    check_agreement(stored)
    if out.exists():
        raise InputError.of("is there already; give a folder to make", where=str(out))
    needed, free = sum(stored[0].shards.values()), shutil.disk_usage(out.parent).free
    if needed > free:
        raise InputError.of(f"has no room: the merged model needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} are free", where=str(out.parent))
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        done = _Stream(recipe, stored, work, device or torch.device("cpu")).run()
        if (stored[0].folder / INDEX).is_file():
            (work / INDEX).write_bytes(merged_index(stored[0]))
        os.chmod(work, 0o755)
        os.replace(work, out)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError.of("the disk is full; nothing was written", where=str(out)) from None
        raise InputError.of(f"could not be merged: {error.strerror or error}; nothing was written", where=str(out)) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return done


def pieces(recipe: Recipe, model: StoredModel, most_bytes: int) -> Iterator[Piece]:
    """Every tensor in the order of its shard's bytes, in pieces of at most `most_bytes`; `whole` where the piece is the tensor."""
    largest = most_bytes if recipe.method in WHOLE else min(most_bytes, PIECE)
    for shard in model.shards:
        for name in merged_header(model, shard)[1]:
            size = model.tensors[name].bytes
            for first in range(0, size, largest):
                yield Piece(shard, name, first, min(first + largest, size), size <= largest)


def buffer_size(recipe: Recipe, model: StoredModel) -> int:
    """Bytes of one buffer: as much of its largest tensor as the memory for buffers allows, a multiple of every dtype's size."""
    memory = SHARDS * max(model.shards.values()) / (SLOTS * (recipe.models + 1))
    largest = max((one.bytes for one in model.tensors.values()), default=0)
    if recipe.method not in WHOLE:
        largest = min(largest, PIECE)
    return max(64, min(int(memory), largest + 63) // 64 * 64)


class _Stream:
    """One merge at work; `run` it once."""

    def __init__(self, recipe: Recipe, models: Sequence[StoredModel], folder: Path, device: torch.device) -> None:
        self._recipe, self._models, self._folder, self._device = recipe, models, folder, device
        self._files = ExitStack()
        self._handles = {path: self._opened(path) for path in dict.fromkeys(one.file for model in models for one in model.tensors.values())}
        self._size = buffer_size(recipe, models[0])
        rooms = side_by_side(SLOTS * (len(models) + 1), self._size, torch.uint8, torch.device("cpu"), pinned=device.type == "cuda")
        self._free: queue.SimpleQueue[Buffers | None] = queue.SimpleQueue()
        self._filled: queue.SimpleQueue[tuple[Piece, Buffers] | BaseException | None] = queue.SimpleQueue()
        self._spare: queue.SimpleQueue[torch.Tensor | None] = queue.SimpleQueue()
        self._merged: queue.SimpleQueue[tuple[Piece, torch.Tensor] | None] = queue.SimpleQueue()
        self._read = self._written = 0
        for _ in range(SLOTS):
            self._free.put([rooms.pop() for _ in models])
            self._spare.put(rooms.pop())

    def _opened(self, path: Path) -> int:
        handle = os.open(path, os.O_RDONLY)
        self._files.callback(os.close, handle)
        return handle

    def run(self) -> Streamed:
        began = time.perf_counter()
        threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True) for work in (self._fill, self._append)]
        with self._files:
            for thread in threads:
                thread.start()
            try:
                self._merge()
            finally:
                self._merged.put(None)
                self._free.put(None)
                for thread in threads:
                    thread.join()
            while not self._filled.empty():  # an error of the writer's last moments
                if isinstance(said := self._filled.get(), BaseException):
                    raise said
            for handle in self._handles.values():
                drop_cache(handle)
        memory = SLOTS * (len(self._models) + 1) * self._size
        return Streamed(time.perf_counter() - began, self._read, self._written, memory)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._filled.put(error)
            self._spare.put(None)

    def _fill(self) -> None:
        for piece in pieces(self._recipe, self._models[0], self._size):
            if (buffers := self._free.get()) is None:
                return
            size = piece.last_byte - piece.first_byte
            merged = self._models[0].tensors[piece.name].dtype in MERGED
            for buffer, model in zip(buffers if merged else buffers[:1], self._models, strict=False):
                stored = model.tensors[piece.name]
                read_into(self._handles[stored.file], buffer[:size].numpy().data, stored.offset + piece.first_byte)
                self._read += size
            self._filled.put((piece, buffers))
        self._filled.put(None)

    def _merge(self) -> None:
        name, how = "", None
        while (filled := self._filled.get()) is not None:
            if isinstance(filled, BaseException):
                raise filled
            if (spare := self._spare.get()) is None:  # nobody writes any more; why is the last that was said
                return
            piece, buffers = filled
            stored, size = self._models[0].tensors[piece.name], piece.last_byte - piece.first_byte
            if stored.dtype not in MERGED:
                spare[:size].copy_(buffers[0][:size])
            else:
                dtype = MERGED[stored.dtype]
                models = [one[:size].view(dtype).to(self._device, non_blocking=True) for one in buffers]
                if how is None or name != piece.name:
                    name, how = piece.name, self._combination(piece, stored, models)
                out = spare[:size].view(dtype)
                result = out if self._device.type == "cpu" else torch.empty_like(models[0])
                how.into(models, result, piece.first_byte // dtype.itemsize)
                if result is not out:
                    out.copy_(result)
            self._merged.put((piece, spare))
            self._free.put(buffers)
            self._forget(piece)

    def _forget(self, piece: Piece) -> None:
        """Let what is read next have the pages that cached this piece, instead of filling a machine's memory with what nobody reads again.

        By the thread that merges, which waits for the disk the most.
        """
        for model in self._models:
            stored = model.tensors[piece.name]
            drop_cache(self._handles[stored.file], stored.offset + piece.first_byte, piece.last_byte - piece.first_byte)

    def _combination(self, piece: Piece, stored: Stored, models: Sequence[torch.Tensor]) -> Combination:
        """The tensor's, from the buffers where they hold all of it, else from the files."""
        lie = [model.tensors[piece.name] for model in self._models]
        elements = InMemory(models) if piece.whole else InFiles(lie, MERGED[stored.dtype], self._device)
        return combination(self._recipe, elements, stored.count, self._device, piece.name)

    def _append(self) -> None:
        file, shard = None, ""
        try:
            while (merged := self._merged.get()) is not None:
                piece, buffer = merged
                if file is None or shard != piece.shard:
                    if file is not None:
                        file.close()
                    shard, file = piece.shard, AppendedFile(self._folder / piece.shard)
                    file.append(memoryview(merged_header(self._models[0], shard)[0]))
                size = piece.last_byte - piece.first_byte
                file.append(buffer[:size].numpy().data)
                self._written += size
                self._spare.put(buffer)
            if file is not None:
                file.close()
        except BaseException:
            if file is not None:
                with suppress(OSError):
                    file.abandon()
            raise
