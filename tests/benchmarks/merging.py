"""Merging beside what bounds it: memory's copy, the disk's read and write; and beside mergekit (`make bench-peers`) on the same files."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import torch

from profiler.merging.combining import is_fused, merge
from profiler.merging.files import drop_cache
from profiler.merging.recipe import Recipe
from profiler.merging.shards import stored_model
from profiler.merging.side_by_side import side_by_side
from profiler.merging.streaming import merge_folders
from profiler.probes import random_numbers
from profiler.probes.disk import BLOCK, read_model, write_model
from sim.cost.merge import models_moved
from sim.scenario.workloads import MergeMethod
from tests.benchmarks.turns import best_seconds, say
from tests.profiler.stored_models import Shapes, store

CPU = torch.device("cpu")
EXPERTS, PARAMETERS = 8, 96_000_000
"""Larger than any last cache, as models are: a copy of less is partly one within the cache."""
MEMORY_TURNS, DISK_TURNS, PEER_TURNS = 25, 6, 2
HIDDEN, INTERMEDIATE, HEADS, KV_HEADS, VOCABULARY, SHARDS, LAYERS = 1024, 2816, 16, 4, 8192, 4, 3
"""Of a Llama-shaped model on disk: about 0.3 GB, in four shards of three layers."""
MERGEKIT = Path(os.environ.get("MERGEKIT", ".venv-peers/bin/mergekit-yaml"))
"""Its command, in an environment of its own."""
PEER_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"HF_HUB_OFFLINE": "1"}


def run() -> None:
    in_memory()
    with tempfile.TemporaryDirectory(dir=".", prefix=".leadtime-bench-") as folder:
        streamed(Path(folder).absolute())


def in_memory() -> None:
    """Every method at eight experts, bf16, and a copy, in turns."""
    *models, out = side_by_side(EXPERTS + 2, PARAMETERS, torch.bfloat16, CPU)
    for one in models:
        one.copy_(random_numbers(PARAMETERS, torch.bfloat16, CPU))
    methods: tuple[MergeMethod, ...] = ("linear", "task-arithmetic", "ties", "dare-ties", "slerp")
    recipes = {method: Recipe.equal(method, 2 if method == "slerp" else EXPERTS) for method in methods}
    calls: list[Callable[[], object]] = [lambda: out.copy_(models[0])]
    calls += [lambda recipe=recipe: merge(recipe, models[: recipe.models], out) for recipe in recipes.values()]
    for call in calls:
        call()
    copy_s, *taken = best_seconds(calls, MEMORY_TURNS)
    seconds = dict(zip(methods, taken, strict=True))
    copied = 2 * 2 * PARAMETERS / copy_s
    print(f"merges of {PARAMETERS / 1e6:.0f} M bf16 parameters, {'fused' if is_fused(CPU) else 'not fused: no compiler here'}", end="; ")
    print(f"copy {copied / 1e9:.1f} GB/s, of which:")
    for method, recipe in recipes.items():
        experts = len(recipe.weights)
        share = models_moved(method, experts) * 2 * PARAMETERS / seconds[method] / copied
        say(f"{method}, {experts} experts: bytes/s / the copy's", share, "≥ 0.8" if method == "linear" else "(none)")
    say("TIES / linear, 8 experts, time", seconds["ties"] / seconds["linear"], "≤ 3")


def streamed(folder: Path) -> None:
    """Merges from and to files, past the page cache, beside reading and writing as many bytes alone and beside mergekit."""
    models = [_llama(folder / str(number), number) for number in range(EXPERTS + 1)]
    model_bytes, largest = _bytes(models[0]), max(shard.stat().st_size for shard in _shards(models[0]))
    block, buffer = memoryview(os.urandom(BLOCK)), memoryview(bytearray(BLOCK))
    methods: tuple[MergeMethod, ...] = ("linear", "ties")
    for method, experts in product(methods, (EXPERTS // 2, EXPERTS)):
        recipe = Recipe.equal(method, experts)
        used = models[: recipe.models]
        read = [shard for model in used for shard in _shards(model)]

        def read_all(used: list[Path] = used) -> None:
            for model in used:
                read_model(stored_model(model), buffer)

        def write() -> None:
            write_model(folder / "written", block, model_bytes)

        def both(read_all: Callable[[], None] = read_all) -> None:
            with ThreadPoolExecutor(1) as writer:
                written = writer.submit(write)
                read_all()
                written.result()

        calls = [read_all, write, both, lambda recipe=recipe, used=used: merge_folders(recipe, used, folder / "merged")]
        name = f"streamed {method}, {experts} experts"
        reading, writing, at_once, merging = _best(calls, read, folder / "merged", DISK_TURNS)
        print(f"{name} of {model_bytes / 1e9:.2f} GB: {reading:.2f} s to read, {writing:.2f} to write, ", end="")
        print(f"{at_once:.2f} to do both at once, {merging:.2f} to merge")
        say(f"{name}: max(read, write) alone / merge, time", max(reading, writing) / merging, "≥ 0.8")
        say(f"{name}: read and write at once / merge, time", at_once / merging, "(what this disk allows)")
        say(f"{name}: peak memory beside one shard", _peak(recipe, used, folder / "merged") / largest, "≤ 3")
        _beside_mergekit(recipe, used, read, folder)


def _beside_mergekit(recipe: Recipe, models: list[Path], read: list[Path], folder: Path) -> None:
    """Whole commands on the same files: both start a Python, load torch, merge and write."""
    if not MERGEKIT.exists():
        print(f"mergekit: not measured, there is no {MERGEKIT}; 'make bench-peers' installs it")
        return
    weights = [{"model": str(model), "parameters": {"weight": 1 / len(recipe.weights)}} for model in models[recipe.needs_base :]]
    config: dict[str, object] = {"models": weights, "merge_method": recipe.method, "dtype": "bfloat16"}
    if recipe.needs_base:
        config |= {"base_model": str(models[0]), "parameters": {"density": recipe.density}}
    (folder / "merge.yaml").write_text(json.dumps(config))  # JSON is YAML
    theirs = [str(MERGEKIT.absolute()), str(folder / "merge.yaml"), str(folder / "merged"), "--quiet", "--no-copy-tokenizer"]
    calls: list[Callable[[], object]] = [
        lambda: _peak(recipe, models, folder / "merged"),
        lambda: subprocess.run(theirs, check=True, capture_output=True, env=PEER_ENVIRONMENT),
    ]
    ours_s, theirs_s = _best(calls, read, folder / "merged", PEER_TURNS)
    name = f"{recipe.method}, {len(recipe.weights)} experts, whole commands"
    print(f"{name}: {ours_s:.2f} s here, {theirs_s:.2f} s mergekit")
    say(f"{name}: mergekit / here, time", theirs_s / ours_s, "> 1")


def _llama(folder: Path, seed: int) -> Path:
    """A random model that mergekit takes for a Llama."""
    attention: Shapes = {"q_proj": (HIDDEN, HIDDEN), "k_proj": (HIDDEN // HEADS * KV_HEADS, HIDDEN), "o_proj": (HIDDEN, HIDDEN)}
    attention["v_proj"] = attention["k_proj"]
    feed: Shapes = {"gate_proj": (INTERMEDIATE, HIDDEN), "up_proj": (INTERMEDIATE, HIDDEN), "down_proj": (HIDDEN, INTERMEDIATE)}
    layer: Shapes = {f"self_attn.{name}.weight": size for name, size in attention.items()}
    layer |= {f"mlp.{name}.weight": size for name, size in feed.items()}
    layer |= {"input_layernorm.weight": (HIDDEN,), "post_attention_layernorm.weight": (HIDDEN,)}
    shapes: list[Shapes] = [
        {f"model.layers.{shard * LAYERS + number}.{name}": size for number in range(LAYERS) for name, size in layer.items()}
        for shard in range(SHARDS)
    ]
    shapes[0] |= {"model.embed_tokens.weight": (VOCABULARY, HIDDEN)}
    shapes[-1] |= {"model.norm.weight": (HIDDEN,), "lm_head.weight": (VOCABULARY, HIDDEN)}
    store(folder, shapes, seed)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "num_hidden_layers": SHARDS * LAYERS, "vocab_size": VOCABULARY,
        "torch_dtype": "bfloat16", "tie_word_embeddings": False,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _shards(model: Path) -> list[Path]:
    return sorted(model.glob("*.safetensors"))


def _bytes(model: Path) -> int:
    return sum(shard.stat().st_size for shard in _shards(model))


def _best(calls: list[Callable[[], object]], read: list[Path], merged: Path, turns: int) -> list[float]:
    """The best of a few turns of each call, with nothing of its inputs in the page cache and no result there."""
    best = [float("inf")] * len(calls)
    for _ in range(turns):
        for index, call in enumerate(calls):
            for shard in read:
                with shard.open("rb") as file:
                    os.fsync(file.fileno())
                    drop_cache(file.fileno())
            began = time.perf_counter()
            call()
            best[index] = min(best[index], time.perf_counter() - began)
            shutil.rmtree(merged, ignore_errors=True)
    return best


PEAK = """
import sys, torch
from pathlib import Path
from profiler.merging.combining import merge
from profiler.merging.recipe import Recipe
from profiler.merging.streaming import merge_folders

def resident(word):
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(word))

method, experts, out, *models = sys.argv[1:]
recipe = Recipe.equal(method, int(experts))
merge(recipe, [torch.randn(4096).bfloat16() for _ in models], torch.empty(4096).bfloat16())
before = resident("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
merge_folders(recipe, list(map(Path, models)), Path(out))
print(resident("VmHWM") - before)
"""
"""Merges, and says by how many bytes resident memory grew at its most; a first small merge compiled the kernels. Linux alone."""


def _peak(recipe: Recipe, models: list[Path], merged: Path) -> float:
    command = [sys.executable, "-c", PEAK, recipe.method, str(len(recipe.weights)), str(merged), *map(str, models)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    shutil.rmtree(merged)
    return float(said)
