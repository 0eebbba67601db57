"""Hypothesis looks for experts, sizes and chunks whose merge is not the float64 average; none may be."""

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from profiler import merging  # noqa: E402

BF16_ROUNDING = 2.0**-8


@settings(max_examples=80, deadline=None)
@given(
    experts=st.integers(1, 12),
    size=st.integers(0, 3000),
    chunk=st.sampled_from([1, 7, 64, 1000, 4096]),
    seed=st.integers(0, 2**31),
    spread=st.floats(0.0, 4.0),
)
def test_any_merge_is_the_float64_average_within_one_bf16_rounding(experts: int, size: int, chunk: int, seed: int, spread: float) -> None:
    """Holds the module's promise that nothing is rounded to bf16 but the result, in however many chunks."""
    if size > 200 and chunk < 7:
        size = 200  # three thousand chunks of one element would take long and show nothing more
    generator = torch.Generator().manual_seed(seed)
    tensors = [(torch.randn(size, generator=generator) * 10.0 ** (spread * (i % 3 - 1))).bfloat16() for i in range(experts)]
    weights = torch.randn(experts, generator=generator, dtype=torch.float64).tolist()
    with patch.dict(merging.CHUNK, cpu=chunk):
        merged = merging.merge_linear(tensors, weights, torch.full((size,), torch.nan).bfloat16()).double()
    terms = torch.stack([weight * one.double() for weight, one in zip(weights, tensors, strict=True)])
    exact = terms.sum(0)
    fp32 = 2 * (experts + 1) * 2.0**-24 * terms.abs().sum(0)
    assert ((merged - exact).abs() <= BF16_ROUNDING * (exact.abs() + fp32) + fp32).all()


@given(weights=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6).filter(lambda drawn: sum(drawn) > 0.01))
@settings(max_examples=40, deadline=None)
def test_a_weighted_average_stays_between_its_experts(weights: list[float]) -> None:
    """Holds a convex combination's bound: no result beyond the extremes of its inputs, one bf16 rounding aside."""
    generator = torch.Generator().manual_seed(len(weights))
    tensors = [torch.randn(500, generator=generator).bfloat16() for _ in weights]
    merged = merging.merge_linear(tensors, [weight / sum(weights) for weight in weights], torch.empty_like(tensors[0])).float()
    stacked = torch.stack(tensors).float()
    room = BF16_ROUNDING * stacked.abs().amax(0)
    assert (merged <= stacked.amax(0) + room).all()
    assert (merged >= stacked.amin(0) - room).all()


@settings(max_examples=30, deadline=None)
@given(counts=st.tuples(st.integers(0, 5), st.integers(0, 5)), sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)), fp32=st.booleans())
def test_only_experts_weights_and_a_result_that_match_are_merged(counts: tuple[int, int], sizes: tuple[int, int], fp32: bool) -> None:
    """Holds the promise of a ValueError for every mismatch of number, size or dtype, and of none without one."""
    tensors = [torch.zeros(sizes[0]).bfloat16() for _ in range(counts[0])]
    out = torch.empty(sizes[1], dtype=torch.float32 if fp32 else torch.bfloat16)
    if counts[0] == counts[1] > 0 and sizes[0] == sizes[1] and not fp32:
        assert not merging.merge_linear(tensors, [1.0] * counts[1], out).any()
    else:
        with pytest.raises(ValueError, match="must match"):
            merging.merge_linear(tensors, [1.0] * counts[1], out)
