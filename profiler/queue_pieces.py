"""Pieces of work that a validation's jobs repeat: merges and training steps of shapes that no fit saw and no anchor has."""

from collections.abc import Sequence

from profiler.predictions import MERGE, held_bytes, predict
from profiler.probes import Shape
from sim.cost.calibration import Calibration, Device
from sim.cost.training import USABLE_MEMORY
from sim.cost.validation import Piece
from sim.scenario.errors import InputError

MILLION = 1_000_000
_SMALL_LLAMA = {
    "layers": 3,
    "hidden": 512,
    "intermediate": 1408,
    "heads": 8,
    "kv_heads": 4,
    "vocabulary": 8192,
    "sequence": 384,
    "batch": 2,
}
_WIDE_LLAMA = {
    "layers": 4,
    "hidden": 640,
    "intermediate": 1792,
    "heads": 10,
    "kv_heads": 5,
    "vocabulary": 8192,
    "sequence": 512,
    "batch": 1,
}
_GPU_LLAMA = {
    "layers": 6,
    "hidden": 2048,
    "intermediate": 5632,
    "heads": 16,
    "kv_heads": 8,
    "vocabulary": 32768,
    "sequence": 1024,
    "batch": 6,
}
_WIDE_GPU_LLAMA = _GPU_LLAMA | {"layers": 3, "hidden": 3072, "intermediate": 9216, "heads": 24, "sequence": 2048, "batch": 3}

_SMALL_GPU_LLAMA = _GPU_LLAMA | {"layers": 4, "hidden": 1536, "intermediate": 4096, "heads": 12, "kv_heads": 4, "batch": 4}

PIECES: dict[str, tuple[tuple[str, Shape], ...]] = {
    "cpu": (
        ("merge-linear", {"experts": 3, "parameters": 22 * MILLION}),
        ("merge-linear", {"experts": 5, "parameters": 14 * MILLION}),
        ("merge-linear", {"experts": 7, "parameters": 30 * MILLION}),
        ("mlp-step", {"batch": 768, "inputs": 1024, "hidden": 1536, "outputs": 768}),
        ("mlp-step", {"batch": 384, "inputs": 1536, "hidden": 2560, "outputs": 512}),
        ("transformer-step", _SMALL_LLAMA),
        ("transformer-step", _WIDE_LLAMA),
    ),
    "cuda": (
        ("merge-linear", {"experts": 3, "parameters": 300 * MILLION}),
        ("merge-linear", {"experts": 7, "parameters": 180 * MILLION}),
        ("mlp-step", {"batch": 3072, "inputs": 4096, "hidden": 6144, "outputs": 3072}),
        ("mlp-step", {"batch": 6144, "inputs": 2048, "hidden": 10240, "outputs": 2048}),
        ("transformer-step", _SMALL_GPU_LLAMA),
        ("transformer-step", _GPU_LLAMA),
        ("transformer-step", _WIDE_GPU_LLAMA),
    ),
}
"""By type of device: probe and shape."""


PROCESSES_A_SLOT = 2
"""Of a queue, each of which holds every piece in memory."""
LONGEST_S = 4.0
"""Predicted seconds of one piece, of which each process runs several before the queue begins: a slow device does without longer ones."""


def predicted_pieces(device: str, calibration: Calibration) -> list[Piece]:
    """The pieces that this device holds and would not be at for long, or the shortest of a kind, with their predicted seconds.

    InputError where the calibration lacks what a prediction needs, or the device the memory.
    """
    pieces = [
        Piece(
            kind="merge" if probe.startswith("merge") else "training",
            probe=probe,
            shape=shape,
            predicted_s=_seconds(probe, shape, calibration),
        )
        for probe, shape in _fitting(PIECES[device], calibration.device)
    ]
    shortest = {kind: min(one.predicted_s for one in pieces if one.kind == kind) for kind in ("merge", "training")}
    return [one for one in pieces if one.predicted_s <= max(LONGEST_S, shortest[one.kind])]


def _fitting(pieces: Sequence[tuple[str, Shape]], device: Device) -> list[tuple[str, Shape]]:
    """Those that a process of the queue holds all at once, the smallest of each probe before any second one."""
    memory_bytes = USABLE_MEMORY * device.memory_bytes / PROCESSES_A_SLOT
    by_size = sorted(pieces, key=lambda piece: sum(held_bytes(*piece)))
    smallest = [next(piece for piece in by_size if piece[0] == probe) for probe in dict.fromkeys(probe for probe, _ in by_size)]
    kept: list[tuple[str, Shape]] = []
    for piece in [*smallest, *(one for one in by_size if one not in smallest)]:
        held = [held_bytes(*one) for one in (*kept, piece)]
        if sum(rest for rest, _ in held) + max(more for _, more in held) <= memory_bytes:
            kept.append(piece)
    if {probe.startswith(MERGE) for probe, _ in kept} != {True, False}:
        raise InputError.of(
            f"{device.id} has too little memory ({device.memory_bytes / 1e9:.1f} GB) to run merges and training steps for real"
        )
    return [piece for piece in pieces if piece in kept]


def predicted_again(pieces: Sequence[Piece], calibration: Calibration) -> list[Piece]:
    """The same pieces with what another calibration of the device says of them."""
    return [one.model_copy(update={"predicted_s": _seconds(one.probe, one.shape, calibration)}) for one in pieces]


def _seconds(probe: str, shape: Shape, calibration: Calibration) -> float:
    seconds = predict(probe, shape, calibration)
    if seconds is None:
        raise InputError.of(
            f"the calibration of {calibration.device.id} measured too little to predict {probe}; run 'leadtime profile' again"
        )
    return seconds
