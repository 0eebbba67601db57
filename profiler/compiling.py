"""Arithmetic as fused kernels where this machine can compile them: torch.compile's C++ on a CPU, Triton on a GPU."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

THREADED: dict[str, Any] = {"cpp.dynamic_threads": True}
"""A CPU's kernel takes the threads it finds at each call. Without this the first size that anyone compiled it for decides, for later sizes
and, through the compiler's cache on disk, for later processes too: one thread for ever after a small tensor (measured: half the speed)."""
MOST_VARIANTS = 64
"""Of one kernel, by number of experts, dtype or layout, before torch would stop compiling more."""


@cache
def fused(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """The function compiled for any sizes, with more of the compiler's `options`; the same kernels whenever it is asked for."""
    allow_variants(MOST_VARIANTS)
    compiled: Callable[..., Any] = torch.compile(function, dynamic=True, options=THREADED | options)
    return compiled


def allow_variants(most: int) -> None:
    """Let the calling thread compile as many of one function.

    torch's settings are each thread's own, and autograd runs a GPU's backward pass in another thread than the forward one: with the limit
    raised in one alone, what the other compiles after eight runs as small kernels.
    """
    settings: Any = torch._dynamo.config
    settings.recompile_limit = max(settings.recompile_limit, most)
    settings.accumulated_recompile_limit = max(settings.accumulated_recompile_limit, most)


@cache
def can_compile(device: str) -> bool:
    """Whether kernels can be compiled for devices of this type here: found out by compiling a tiny sum."""
    one = torch.ones(64, device=device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.compile(lambda x: x * 2 + 1, dynamic=True)(one)
    except Exception:  # whatever a missing or broken compiler raises, torch and its backends have no one error for it
        return False
    return True
