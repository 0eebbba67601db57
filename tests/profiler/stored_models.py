"""Small models as a hub stores them: random tensors in numbered safetensors shards with an index."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

Shapes = dict[str, tuple[int, ...]]


def store(folder: Path, shards: list[Shapes], seed: int, dtype: torch.dtype = torch.bfloat16) -> Path:
    """A model of these shapes, each mapping a shard; written, with its index, to `folder`."""
    generator = torch.Generator().manual_seed(seed)
    folder.mkdir(parents=True)
    places = {}
    for number, shapes in enumerate(shards):
        name = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        save_file(
            {key: torch.randn(shape, generator=generator).to(dtype) for key, shape in shapes.items()}, folder / name, {"format": "pt"}
        )
        places |= dict.fromkeys(shapes, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return folder
