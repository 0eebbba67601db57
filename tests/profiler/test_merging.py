"""Hypothesis looks for experts, sizes and methods whose merge is not what float64 says; none may be, fused or not, in whatever pieces."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
from safetensors.torch import save_file  # noqa: E402

from profiler.compiling import can_compile  # noqa: E402
from profiler.merging import combining, ties  # noqa: E402
from profiler.merging.combining import combination, merge  # noqa: E402
from profiler.merging.dare import keys, mixed  # noqa: E402
from profiler.merging.elements import InFiles, InMemory  # noqa: E402
from profiler.merging.recipe import Recipe  # noqa: E402
from profiler.merging.shards import SINGLE, stored_model  # noqa: E402
from profiler.merging.side_by_side import side_by_side  # noqa: E402
from profiler.merging.slerp import PIECE, products, products_at_once  # noqa: E402
from sim.scenario.errors import InputError  # noqa: E402
from sim.scenario.workloads import MergeMethod  # noqa: E402
from tests.profiler.devices import DEVICES  # noqa: E402

CPU = torch.device("cpu")
DTYPES = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11, torch.float32: 2.0**-24}
"""Each with its rounding to nearest."""
METHODS: tuple[MergeMethod, ...] = ("linear", "slerp", "task-arithmetic", "ties", "dare-ties")


@pytest.fixture(params=[False, True], ids=["unfused", "fused"])
def fused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways to run the same arithmetic."""
    if request.param and not can_compile("cpu"):
        pytest.skip("no compiler here")
    if not request.param:
        monkeypatch.setattr(combining, "_fused", lambda _arithmetic, _device: None)
    return bool(request.param)


def drawn(recipe: Recipe, size: int, dtype: torch.dtype, seed: int) -> list[torch.Tensor]:
    """Models as fine-tuning leaves them: a base and experts that differ from it by less than itself, some weights not at all."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(size, generator=generator)
    experts = [base + 0.1 * torch.randn(size, generator=generator) * (torch.rand(size, generator=generator) > 0.1) for _ in recipe.weights]
    return [one.to(dtype) for one in ([base, *experts] if recipe.needs_base else experts)]


def reference(recipe: Recipe, models: list[torch.Tensor], name: str = "") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The merge in float64, what its terms add up to in magnitude, and where a sign or a threshold is decided by rounding alone."""
    wide = torch.stack([one.double() for one in models])
    weights = torch.tensor(recipe.weights, dtype=torch.float64)[:, None]
    nowhere = torch.zeros(wide.shape[1], dtype=torch.bool)
    if recipe.method == "linear":
        return (weights * wide).sum(0), (weights * wide).abs().sum(0), nowhere
    if recipe.method == "slerp":
        first, second = wide
        share = recipe.weights[1] / sum(recipe.weights)
        angle = torch.arccos((first @ second / first.norm() / second.norm()).clamp(-1, 1))
        if angle < 1e-3:
            return (1 - share) * first + share * second, wide.abs().sum(0), nowhere
        near, far = (torch.sin(part * angle) / torch.sin(angle) for part in (1 - share, torch.tensor(share)))
        return near * first + far * second, (near * first).abs() + (far * second).abs(), nowhere
    base, differences = wide[0], wide[1:] - wide[0]
    if recipe.method == "task-arithmetic":
        change = recipe.scale * weights * differences
        return base + change.sum(0), wide.abs().sum(0) * 2, nowhere
    if recipe.method == "ties":
        differences = (wide[1:].float() - wide[0].float()).double()
        kept = max(1, round(recipe.density * base.numel()))
        least = differences.abs().sort(dim=1, descending=True).values[:, kept - 1 : kept]
        keep = differences.abs() >= least
    else:
        places = torch.arange(base.numel(), dtype=torch.int32)
        draws = torch.stack([mixed(places + key) for key in keys(recipe.seed, name, len(recipe.weights))])
        keep = draws < recipe.density * 2**24
        differences = differences / recipe.density
    weighted = torch.where(keep, weights * differences, 0.0)
    total = weighted.sum(0)
    agrees = weighted * total > 0
    counts = (weights * agrees).sum(0)
    mean = torch.where(counts > 0, (weighted * agrees).sum(0) / counts.clamp_min(1e-300), 0.0)
    voices = weighted.abs().sum(0)
    unsure = (voices > 0) & (total.abs() <= 1e-5 * voices)
    return base + recipe.scale * mean, base.abs() + differences.abs().sum(0) + mean.abs(), unsure


def assert_equal_within_rounding(merged: torch.Tensor, recipe: Recipe, models: list[torch.Tensor]) -> None:
    exact, terms, unsure = reference(recipe, models)
    fp32 = 4 * (len(models) + 2) * 2.0**-24 * terms
    off = (merged.double() - exact).abs()
    assert bool(((off <= DTYPES[merged.dtype] * (exact.abs() + fp32) + fp32 + 2.0**-25) | unsure).all())
    assert int(unsure.sum()) <= 0.01 * unsure.numel() + 2


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    experts=st.integers(2, 8),
    size=st.integers(1, 3000),
    dtype=st.sampled_from(list(DTYPES)),
    density=st.sampled_from([0.05, 0.2, 0.9, 1.0]),
    scale=st.sampled_from([1.0, 0.5]),
    seed=st.integers(0, 2**31),
)
def test_any_unfused_merge_is_the_float64_merge_within_one_rounding(
    method: MergeMethod, experts: int, size: int, dtype: torch.dtype, density: float, scale: float, seed: int
) -> None:
    """Holds the promise that nothing is rounded to the models' dtype but the result, whatever the method."""
    weights = (0.3, 0.7) if method == "slerp" else tuple((1.0 + i % 3) / (2 * experts) for i in range(experts))
    recipe = Recipe(method, weights, density, scale, seed)
    models = drawn(recipe, size, dtype, seed)
    place, parameters = torch.tensor(0, dtype=torch.int32), combination(recipe, InMemory(models), size, CPU)
    out = torch.full((size,), torch.nan).to(dtype).copy_(parameters.arithmetic(models, place, *parameters.parameters))
    assert_equal_within_rounding(out, recipe, models)


@pytest.mark.parametrize("dtype", [torch.bfloat16, *(pytest.param(one, marks=pytest.mark.slow) for one in (torch.float16, torch.float32))])
@pytest.mark.parametrize("device", DEVICES, ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_every_kernel_is_the_float64_merge(method: MergeMethod, device: torch.device, dtype: torch.dtype, fused: bool) -> None:
    """Holds the same of what really runs: fused by a compiler, and in chunks without one."""
    recipe = Recipe.equal(method, 2 if method == "slerp" else 5, density=0.3, seed=11)
    models = drawn(recipe, 70_001, dtype, 1)
    assert combining.is_fused(device) == fused
    merged = merge(recipe, [one.to(device) for one in models], torch.empty_like(models[0], device=device))
    assert_equal_within_rounding(merged.cpu(), recipe, models)


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_merged_in_pieces_is_the_tensor_merged_whole(method: MergeMethod) -> None:
    """Holds what a streamed merge rests on: bit for bit, wherever pieces begin; DARE's choice depends on the place alone."""
    recipe = Recipe.equal(method, 2, seed=3)
    models = drawn(recipe, 5000, torch.bfloat16, 1)
    how = combination(recipe, InMemory(models), 5000, CPU, "layer.weight")
    whole, pieces = torch.empty_like(models[0]), torch.empty_like(models[0])
    how.into(models, whole)
    for start, stop in ((0, 1), (1, 1), (1, 1777), (1777, 5000)):
        how.into([one[start:stop] for one in models], pieces[start:stop], start)
    assert torch.equal(whole, pieces)


@pytest.mark.parametrize("size", [1, 512, 2048, 100_000])
def test_rooms_side_by_side_begin_on_other_cache_lines_and_hold_each_its_own(size: int) -> None:
    """Holds what a merge of eight models and a base rests on: no two of its tensors wait for one place in a cache of 64 sets."""
    rooms = side_by_side(10, size, torch.bfloat16, CPU)
    assert len({(one.data_ptr() - rooms[0].data_ptr()) % 4096 // 64 for one in rooms}) == len(rooms)
    for number, one in enumerate(rooms):
        one.fill_(number)
    assert [one.unique().tolist() for one in rooms] == [[number] for number in range(10)]
    assert all(one.numel() == size and one.is_contiguous() for one in rooms)


def test_ties_keeps_about_its_density_of_a_tensor_too_large_to_sample_whole() -> None:
    """Holds the sampled threshold to five standard deviations of a sample's quantile; and that the largest differences stay."""
    recipe = Recipe.equal("ties", 3, density=0.2)
    models = drawn(recipe, 2_000_000, torch.float32, 5)
    found = ties.thresholds(InMemory(models), 3, 2_000_000, 0.2)
    for expert, threshold in zip(models[1:], found, strict=True):
        share = ((expert - models[0]).abs() >= threshold).float().mean().item()
        assert share == pytest.approx(0.2, abs=5 * (0.2 * 0.8 / ties.SAMPLE) ** 0.5)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from(["random", "alike", "sorted", "misled", "equal"]), st.integers(0, 99))
def test_the_selected_number_is_the_sorted_ones(count: int, share: float, kind: str, seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, 2**31 - 1, count, dtype=np.int32)
    misleading = drawn.copy()
    misleading[:: ties.FEW] //= 1000  # the few that set the bounds are smaller than all others
    numbers = {"random": drawn, "alike": drawn % 3, "sorted": np.sort(drawn), "misled": misleading, "equal": drawn * 0}[kind]
    rank = min(int(share * count), count - 1)
    assert ties.selected(numbers.copy(), rank) == np.sort(numbers)[rank]


def test_dare_keeps_its_density_at_random_and_its_mean() -> None:
    """Holds the two things that dropping and rescaling promise: the share kept (five standard deviations), and an unbiased difference."""
    count, density = 400_000, 0.3
    recipe = Recipe.equal("dare-ties", 1, density=density, seed=9)
    base, expert = torch.zeros(count), torch.ones(count)
    merged = merge(recipe, [base, expert], torch.empty(count), "a")
    assert merged.unique().tolist() == pytest.approx([0.0, 1 / density])
    assert (merged > 0).float().mean().item() == pytest.approx(density, abs=5 * (density * (1 - density) / count) ** 0.5)
    assert torch.equal(merged, merge(recipe, [base, expert], torch.empty(count), "a"))
    assert not torch.equal(merged, merge(recipe, [base, expert], torch.empty(count), "b"))
    assert not torch.equal(merged, merge(Recipe.equal("dare-ties", 1, density, seed=10), [base, expert], torch.empty(count), "a"))


def test_slerp_keeps_the_length_that_an_average_loses() -> None:
    """Holds the sphere: halfway between two orthogonal vectors of length 1 lies one of length 1."""
    models = [torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])]
    assert merge(Recipe.equal("slerp", 2), models, torch.empty(2)).norm().item() == pytest.approx(1.0)
    assert merge(Recipe.equal("linear", 2), models, torch.empty(2)).norm().item() == pytest.approx(2**-0.5)


@pytest.mark.parametrize("method", METHODS)
def test_equal_models_merge_to_themselves(method: MergeMethod) -> None:
    """Holds the fixed point of every method but the random one: merging copies changes nothing."""
    recipe = Recipe.equal(method, 2)
    one = torch.randn(1000).bfloat16()
    assert torch.equal(merge(recipe, [one] * recipe.models, torch.empty_like(one)), one)


def test_experts_that_a_method_cannot_merge_are_refused_with_what_would_do() -> None:
    """Holds slerp to two, and densities and weights to their ranges."""
    with pytest.raises(InputError, match="2 would do"):
        Recipe.equal("slerp", 3)
    with pytest.raises(InputError, match="density"):
        Recipe.equal("ties", 2, density=0.0)
    with pytest.raises(InputError, match="weights"):
        Recipe("ties", (-1.0, 2.0))


def test_only_models_and_a_result_that_match_are_merged() -> None:
    """Holds the promise of a ValueError for every mismatch of number, size or dtype."""
    recipe, one = Recipe.equal("linear", 2), torch.zeros(4).bfloat16()
    for models, out in (([one], one), ([one, one[:3]], one), ([one, one.float()], one), ([one, one], one.float())):
        with pytest.raises(ValueError, match=r"match|needs"):
            merge(recipe, models, out.clone())
    assert merge(recipe, [one[:0]] * 2, one[:0].clone()).numel() == 0


def test_a_tensor_is_sampled_alike_in_memory_and_in_its_files(tmp_path: Path) -> None:
    """Holds what a tensor too large for a slot rests on: the same elements, evenly over all of it, read where they lie."""
    count = 3 * ties.SAMPLE + 17
    models = drawn(Recipe.equal("ties", 2), count, torch.bfloat16, 5)
    for number, model in enumerate(models):
        (tmp_path / str(number)).mkdir()
        save_file({"before": torch.zeros(7), "a": model}, tmp_path / str(number) / SINGLE)
    stored = [stored_model(tmp_path / str(number)).tensors["a"] for number in range(len(models))]
    for elements in (InMemory(models), InFiles(stored, torch.bfloat16, CPU)):
        for number, model in enumerate(models):
            sample = ties.sample(elements, number, count)
            assert len(sample) == ties.SAMPLE
            last = 255 * ((count - ties.RUN) // 255)
            assert (sample[: ties.RUN] == model[: ties.RUN].float().numpy()).all()
            assert (sample[-ties.RUN :] == model[last : last + ties.RUN].float().numpy()).all()
            assert torch.equal(elements.piece(number, 5, 905), model[5:905])
    assert torch.equal(
        ties.thresholds(InMemory(models), 2, count, 0.2), ties.thresholds(InFiles(stored, torch.bfloat16, CPU), 2, count, 0.2)
    )


@pytest.mark.parametrize("count", [5000, 2_000_000])
@pytest.mark.parametrize("density", [0.2, 1.0])
def test_a_gpus_selection_of_thresholds_is_the_hosts(count: int, density: float) -> None:
    """All experts at once, from the same samples; whole tensors and runs of larger ones."""
    models = [torch.randn(count, generator=torch.Generator().manual_seed(seed)).bfloat16() for seed in range(4)]
    elements = InMemory(models)
    base, *experts = (ties.sampled(elements, model, count) for model in range(4))
    assert torch.equal(ties.thresholds_there(base, experts, density), ties.thresholds(elements, 3, count, density))


def test_a_gpus_one_pass_of_products_is_that_of_a_cpus_library() -> None:
    """Of several pieces, the last one shorter, compiled where a compiler is there."""
    count = 2 * PIECE["cpu"] + 1000
    elements = InMemory([torch.randn(count, generator=torch.Generator().manual_seed(seed)).bfloat16() for seed in range(2)])
    assert products_at_once(elements, count, "cpu") == pytest.approx(products(elements, count, "cpu"), rel=1e-4, abs=1e-1)
