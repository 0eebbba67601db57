"""Room for the models that are merged together, so that a CPU's cache can hold the same place of all of them at once.

Large tensors begin at the same place of a page each, and a cache chooses by that place where to keep a line: of eight models and their
result, every line of one drives out that of another (measured on an EPYC: 54 GB/s, and 63 GB/s from rooms that begin apart, where a
copy moves 72; 48 and 49 GB/s while neighbours slow memory). In models' files tensors begin anywhere.
"""

import torch

PAGE = 4096
APART = 13 * 64
"""Bytes from one tensor's place in its page to the next one's: a number of cache lines that shares no factor with a page's."""


def side_by_side(number: int, size: int, dtype: torch.dtype, device: torch.device, *, pinned: bool = False) -> list[torch.Tensor]:
    """Flat tensors of `size` elements each, not filled.

    On a GPU each has memory of its own: of views into one the compiler does not know that they are aligned, and reads element by element.
    """
    if device.type == "cuda":
        return [torch.empty(size, dtype=dtype, device=device) for _ in range(number)]
    stride = (-(-size * dtype.itemsize // PAGE) * PAGE + APART) // dtype.itemsize
    return list(torch.empty(number, stride, dtype=dtype, device=device, pin_memory=pinned)[:, :size].unbind())
