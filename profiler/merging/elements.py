"""Where a method that looks at a tensor before it merges it finds the tensor's elements: in memory, or in the models' files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from profiler.merging.files import read_into, unread_ahead
from profiler.merging.shards import Stored


class Elements(Protocol):
    """One tensor's elements in every model, by the model's number."""

    def piece(self, model: int, start: int, stop: int) -> torch.Tensor:
        """Neighbours: the first one, and the one after the last."""
        ...

    def runs(self, model: int, number: int, step: int, length: int) -> torch.Tensor:
        """(number × length): as many runs of neighbours, of which each begins `step` elements after the one before."""
        ...


@dataclass(frozen=True)
class InMemory:
    """Flat tensors, of which all that is asked for is a view."""

    models: Sequence[torch.Tensor]

    def piece(self, model: int, start: int, stop: int) -> torch.Tensor:
        return self.models[model][start:stop]

    def runs(self, model: int, number: int, step: int, length: int) -> torch.Tensor:
        return self.models[model].as_strided((number, length), (step, 1))


@dataclass(frozen=True)
class InFiles:
    """Where each model stores the tensor; what is asked for is read, and put on `device`."""

    stored: Sequence[Stored]
    dtype: torch.dtype
    device: torch.device

    def piece(self, model: int, start: int, stop: int) -> torch.Tensor:
        return self._read(model, [start], stop - start)[0]

    def runs(self, model: int, number: int, step: int, length: int) -> torch.Tensor:
        return self._read(model, range(0, number * step, step), length)

    def _read(self, model: int, starts: Sequence[int], length: int) -> torch.Tensor:
        """With a handle of its own: a sample's few neighbours are all that is wanted of their part of a file."""
        found = torch.empty(len(starts), length, dtype=self.dtype)
        rows, lies = found.view(torch.uint8).numpy(), self.stored[model]
        handle = os.open(lies.file, os.O_RDONLY)
        try:
            if len(starts) > 1:
                unread_ahead(handle)
            for row, start in zip(rows, starts, strict=True):
                read_into(handle, row.data, lies.offset + start * self.dtype.itemsize)
        finally:
            os.close(handle)
        return found.to(self.device)
