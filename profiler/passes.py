"""An operation of a network as it is measured: its forward pass alone, or with its backward pass, as autograd runs them in training."""

from collections.abc import Callable, Sequence

import torch

from profiler.probes import Shape, filled_space

WIDTHS = {"cpu": (256, 8192), "cuda": (2048, 16384)}
"""Of activations, and of a step's tokens: from small models to large ones."""
VALUES = {"cpu": (1e5, 2e7), "cuda": (4e6, 2.5e8)}
"""Of one activation: from what stays in a cache to what a system maps afresh for every result."""


def forward_alone(call: Callable[[], torch.Tensor]) -> Callable[[], object]:
    """The call without a graph, as in evaluation."""

    def run() -> torch.Tensor:
        with torch.no_grad():
            return call()

    return run


def with_backward(call: Callable[[], torch.Tensor], inputs: Sequence[torch.Tensor]) -> Callable[[], object]:
    """The call and the gradients of `inputs`, for a random gradient of its result."""
    gradient = torch.randn_like(call())

    def run() -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad(call(), inputs, gradient)

    return run


def token_shapes(
    device: torch.device, *, quick: bool, narrowest: int = 256, multiple: int = 64, values: tuple[float, float] | None = None
) -> list[Shape]:
    """(tokens, width) of activations of so many `values`."""
    low, high = values or VALUES[device.type]
    points = filled_space(160, *WIDTHS[device.type], multiple, 2)
    fitting = [(tokens, width) for tokens, width in points if low <= tokens * width <= high and width >= narrowest]
    return [{"tokens": tokens, "width": width} for tokens, width in fitting[: 7 if quick else 16]]
