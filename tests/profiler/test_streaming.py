"""A streamed merge is the merge in memory, tensor for tensor, in bounded memory, complete or absent."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from profiler.merging import combining, streaming  # noqa: E402
from profiler.merging.combining import merge  # noqa: E402
from profiler.merging.recipe import Recipe  # noqa: E402
from profiler.merging.shards import stored_model  # noqa: E402
from profiler.merging.streaming import buffer_size, merge_folders, pieces  # noqa: E402
from sim.scenario.errors import InputError  # noqa: E402
from sim.scenario.workloads import MergeMethod  # noqa: E402
from tests.profiler.devices import DEVICES  # noqa: E402
from tests.profiler.stored_models import Shapes, store  # noqa: E402

SHARDS: list[Shapes] = [{"embedding": (300, 64), "norm": (64,), "scalar": ()}, {"down": (64, 128), "up": (128, 64), "empty": (0, 4)}]
METHODS: tuple[MergeMethod, ...] = ("linear", "slerp", "task-arithmetic", "ties", "dare-ties")


@pytest.fixture(autouse=True)
def _unfused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled is tested with the arithmetic; here every test would wait for a compiler."""
    monkeypatch.setattr(combining, "_fused", lambda _arithmetic, _device: None)


def folders(tmp_path: Path, recipe: Recipe, dtype: torch.dtype = torch.bfloat16) -> list[Path]:
    return [store(tmp_path / f"model-{number}", SHARDS, number, dtype) for number in range(recipe.models)]


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        found |= load_file(shard)
    return found


@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("memory", ["whole tensors fit", "none does"])
@pytest.mark.parametrize("method", METHODS)
def test_a_streamed_merge_is_the_merge_in_memory(
    method: MergeMethod, memory: str, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds bit for bit, whether a method can see whole tensors at once or must go to the files again."""
    monkeypatch.setattr(streaming, "SHARDS", 100.0 if memory == "whole tensors fit" else 0.1)
    monkeypatch.setattr(streaming, "PIECE", 1024)
    recipe = Recipe.equal(method, 2, seed=4)
    models = folders(tmp_path, recipe)
    done = merge_folders(recipe, models, tmp_path / "merged", device)
    loaded, merged = [tensors(model) for model in models], tensors(tmp_path / "merged")
    assert merged.keys() == loaded[0].keys()
    for name, tensor in merged.items():
        expected = merge(recipe, [one[name].to(device) for one in loaded], torch.empty_like(tensor, device=device), name).cpu()
        torch.testing.assert_close(tensor, expected, rtol=0, atol=0) if method != "slerp" else torch.testing.assert_close(tensor, expected)
    assert done.bytes_written == sum(one.numel() * 2 for one in merged.values())
    assert done.bytes_read == recipe.models * done.bytes_written


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_the_merged_model_is_laid_out_as_the_first(dtype: torch.dtype, tmp_path: Path) -> None:
    """Holds shards, index, metadata and dtype, as a reader of safetensors sees them; and that what no merge is defined for is kept."""
    recipe = Recipe.equal("linear", 2)
    models = folders(tmp_path, recipe, dtype)
    places = torch.arange(7)
    for model in models:
        shard = model / "model-00002-of-00002.safetensors"
        save_file(load_file(shard) | {"positions": places}, shard, {"format": "pt"})
        index = json.loads((model / "model.safetensors.index.json").read_text())
        index["weight_map"]["positions"] = shard.name
        (model / "model.safetensors.index.json").write_text(json.dumps(index))
    merge_folders(recipe, models, tmp_path / "merged")
    index = json.loads((tmp_path / "merged" / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == json.loads((models[0] / "model.safetensors.index.json").read_text())["weight_map"]
    assert index["metadata"]["total_size"] == sum(one.nbytes for one in tensors(models[0]).values())
    for shard in sorted((tmp_path / "merged").glob("*.safetensors")):
        with safe_open(shard, "pt") as merged, safe_open(models[0] / shard.name, "pt") as first:
            assert merged.metadata() == first.metadata() == {"format": "pt"}
            assert set(merged.keys()) == set(first.keys())
    found = tensors(tmp_path / "merged")
    assert torch.equal(found["positions"], places)
    assert found["up"].dtype == dtype
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged", "model-0", "model-1"]


def test_one_file_without_an_index_is_a_model(tmp_path: Path) -> None:
    """Holds the layout of small models."""
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        save_file({"a": torch.full((10,), float(number))}, tmp_path / str(number) / "model.safetensors")
    merge_folders(Recipe.equal("linear", 2), [tmp_path / "0", tmp_path / "1"], tmp_path / "merged")
    assert [path.name for path in (tmp_path / "merged").iterdir()] == ["model.safetensors"]
    assert load_file(tmp_path / "merged" / "model.safetensors")["a"].tolist() == [0.5] * 10


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("experts", [2, 8])
def test_buffers_stay_under_two_shards_whatever_the_model(method: MergeMethod, experts: int, tmp_path: Path) -> None:
    """Holds the bound by design: buffers are sized by the largest shard, however many shards and experts there are."""
    recipe = Recipe.equal(method, 2 if method == "slerp" else experts)
    for count in (1, 6):
        folder = store(tmp_path / str(count), [{f"{number}": (512, 512)} for number in range(count)], 0)
        model = stored_model(folder)
        size = buffer_size(recipe, model)
        assert streaming.SLOTS * (recipe.models + 1) * size <= 2 * max(model.shards.values())
        assert all(piece.last_byte - piece.first_byte <= size for piece in pieces(recipe, model, size))


PEAK = """
import resource, sys, torch
from pathlib import Path
from profiler.merging import combining
from profiler.merging.recipe import Recipe
from profiler.merging.streaming import merge_folders
torch.set_num_threads(1)
combining._fused = lambda arithmetic, device: None
small, large = sys.argv[1:3]
def run(folder, out):
    merge_folders(Recipe.equal("ties", 3), [Path(folder) / str(n) for n in range(4)], Path(folder) / out)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(run(small, "merged"))
print(run(large, "merged"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux")
def test_peak_memory_is_under_three_shards(tmp_path: Path) -> None:
    """Holds the resident memory of a real process: what a model of four shards adds to what a tiny one takes is less than three."""
    shard: Shapes = {f"layer.{number}": (512, 1024) for number in range(24)}
    for name, count in (("tiny", 0), ("large", 4)):
        shapes = [{f"{key}.{number}": (8, 8) if name == "tiny" else size for key, size in shard.items()} for number in range(max(count, 1))]
        store(tmp_path / name / "0", shapes, 0)
        for number in range(1, 4):
            shutil.copytree(tmp_path / name / "0", tmp_path / name / str(number))
    size = (tmp_path / "large" / "0" / "model-00001-of-00004.safetensors").stat().st_size
    command = [sys.executable, "-c", PEAK, str(tmp_path / "tiny"), str(tmp_path / "large")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    before, after = map(float, said)
    assert after - before < 3 * size


def broken(case: str, folder: Path) -> None:
    """Spoil a model in one way."""
    first, second = (folder / f"model-0000{number}-of-00002.safetensors" for number in (1, 2))
    if case == "no index":
        (folder / "model.safetensors.index.json").unlink()
    elif case == "shard missing":
        second.unlink()
    elif case == "cut short":
        first.write_bytes(first.read_bytes()[:-100])
    elif case == "no safetensors":
        first.write_bytes(b"PK" * 100)
    elif case == "other shape":
        save_file(load_file(second) | {"up": torch.zeros(64, 128).bfloat16()}, second)
    elif case == "other dtype":
        save_file(load_file(second) | {"up": torch.zeros(128, 64)}, second)
    else:
        index = json.loads((folder / "model.safetensors.index.json").read_text())
        del index["weight_map"]["up"]
        index["weight_map"]["gate"] = first.name if case == "index lies" else second.name
        save_file(load_file(second) | {"gate": torch.zeros(3).bfloat16()}, second)
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("no index", "holds no model.safetensors.index.json"),
        ("shard missing", "cannot be read: No such file"),
        ("cut short", "cut short"),
        ("no safetensors", "cut short or no safetensors"),
        ("other shape", r"found up as BF16 \[64, 128\]"),
        ("other dtype", r"found up as F32 \[128, 64\]"),
        ("index lies", "the shard does not have it"),
        ("other tensors", "has tensor gate"),
    ],
)
def test_models_that_cannot_be_merged_are_told_and_nothing_is_written(case: str, says: str, tmp_path: Path) -> None:
    """Holds every way in which folders do not fit together: the file or folder is named, and no output is begun."""
    recipe = Recipe.equal("linear", 2)
    models = folders(tmp_path, recipe)
    broken(case, models[1])
    with pytest.raises(InputError, match=says) as caught:
        merge_folders(recipe, models, tmp_path / "merged")
    assert "model-1" in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model-0", "model-1"]


@pytest.mark.parametrize(
    ("fails", "error", "says"),
    [
        ("files.os.pwrite", errno.ENOSPC, "disk is full"),
        ("files.os.preadv", errno.EIO, "Input/output error"),
        ("files.AppendedFile.append", errno.EIO, "Input/output error"),  # at once: more pieces are to come than there are buffers for
    ],
)
def test_a_disk_that_fails_midway_leaves_no_half_model(
    fails: str, error: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds complete or absent, and an end, where the disk fills up, or a read fails, in one of the threads."""
    recipe = Recipe.equal("ties", 2)
    models = folders(tmp_path, recipe)

    def refuse(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(f"profiler.merging.{fails}", refuse)
    with pytest.raises(InputError, match=says):
        merge_folders(recipe, models, tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model-0", "model-1", "model-2"]


def test_what_is_there_already_is_left_alone_and_the_number_of_models_must_be_right(tmp_path: Path) -> None:
    """Holds that no merge overwrites, and that a base is asked for where one is needed."""
    recipe = Recipe.equal("linear", 2)
    models = folders(tmp_path, recipe)
    with pytest.raises(InputError, match="is there already"):
        merge_folders(recipe, models, models[0])
    with pytest.raises(InputError, match="needs 3"):
        merge_folders(Recipe.equal("ties", 2), models, tmp_path / "merged")
