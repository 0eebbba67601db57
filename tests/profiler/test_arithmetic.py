"""What is measured is what it claims to be: the merge is an fp32-accurate average, the INT8 product a product."""

import math

import pytest

torch = pytest.importorskip("torch")

from profiler.int8_training import int8_product, int8_product_in_blocks, quantise  # noqa: E402
from profiler.merging import CHUNK, merge_linear  # noqa: E402
from profiler.probes.int8_linear import LAYOUTS  # noqa: E402
from sim.cost.products import Product  # noqa: E402

BF16_ROUNDING = 2.0**-8
"""Largest relative error of rounding to bf16's eight significant bits."""


@pytest.mark.parametrize("experts", [1, 2, 3, 8])
def test_a_merge_is_the_float64_average_rounded_once(experts: int) -> None:
    generator = torch.Generator().manual_seed(experts)
    tensors = [torch.randn(50_003, generator=generator).bfloat16() for _ in range(experts)]
    weights = [math.sqrt(i + 2) / 7 for i in range(experts)]  # irrational, so that exact ties between bf16 numbers are rare
    merged = merge_linear(tensors, weights, torch.empty_like(tensors[0])).double()
    exact = sum(weight * one.double() for weight, one in zip(weights, tensors, strict=True))
    # Half a bf16 step of the result, and what fp32 loses on the largest term where terms cancel.
    largest = torch.stack([abs(weight * one.double()) for weight, one in zip(weights, tensors, strict=True)]).amax(0)
    assert ((merged - exact).abs() <= BF16_ROUNDING * exact.abs() + experts * 2.0**-23 * largest).all()
    rounded_once = merged == exact.bfloat16().double()
    assert rounded_once.double().mean() > 0.999  # the rest lie so near a tie that fp32 tells it differently


def test_a_merge_does_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = [torch.randn(70, 1000).bfloat16() for _ in range(3)]
    whole = merge_linear(tensors, [0.2, 0.3, 0.5], torch.empty_like(tensors[0]))
    monkeypatch.setitem(CHUNK, "cpu", 999)
    assert torch.equal(whole, merge_linear(tensors, [0.2, 0.3, 0.5], torch.empty_like(tensors[0])))


def test_a_merge_leaves_its_experts_alone_and_takes_fp32_ones() -> None:
    tensors = [torch.randn(1000) for _ in range(2)]
    copies = [one.clone() for one in tensors]
    merged = merge_linear(tensors, [0.25, 0.75], torch.empty(1000))
    assert all(torch.equal(one, copy) for one, copy in zip(tensors, copies, strict=True))
    torch.testing.assert_close(merged, 0.25 * copies[0] + 0.75 * copies[1])


@pytest.mark.parametrize(
    ("sizes", "weights"),
    [((10, 10), [1.0]), ((10, 11), [0.5, 0.5]), ((), [])],
    ids=["fewer weights", "unequal experts", "no experts"],
)
def test_a_merge_refuses_what_does_not_match(sizes: tuple[int, ...], weights: list[float]) -> None:
    with pytest.raises(ValueError, match="must match"):
        merge_linear([torch.zeros(size).bfloat16() for size in sizes], weights, torch.zeros(10).bfloat16())


@pytest.mark.parametrize("dim", [0, 1])
def test_quantising_is_symmetric_and_off_by_half_a_step_at_most(dim: int) -> None:
    values = (torch.randn(64, 96) * torch.logspace(-3, 3, 96)).bfloat16()
    quantised, scale = quantise(values, dim)
    assert quantised.dtype == torch.int8
    assert int(quantised.abs().max()) == 127
    assert ((quantised * scale - values.float()).abs() <= 0.5001 * scale).all()
    assert torch.equal(quantise(-values, dim)[0], -quantised)


def test_zeros_quantise_to_zeros() -> None:
    quantised, scale = quantise(torch.zeros(4, 8).bfloat16(), 1)
    assert not quantised.any()
    assert torch.isfinite(scale).all()


@pytest.mark.parametrize(("m", "n", "k"), [(32, 48, 64), (17, 256, 1024), (300, 64, 2048), (64, 4096, 128)])
def test_an_int8_product_is_the_float_product_within_quantisation_error(m: int, n: int, k: int) -> None:
    generator = torch.Generator().manual_seed(m)
    left = torch.randn(m, k, generator=generator).bfloat16()
    right = torch.randn(n, k, generator=generator).bfloat16().t()
    exact = left.double() @ right.double()
    product = int8_product(left, right).double()
    # Each operand is off by at most half its scale: |ab - a'b'| ≤ Σ(|a|·s_b/2 + |b|·s_a/2 + s_a·s_b/4), then bf16 rounding.
    row, column = quantise(left, 1)[1].double() / 2, quantise(right, 0)[1].double() / 2
    bound = left.double().abs().sum(1, keepdim=True) * column + right.double().abs().sum(0, keepdim=True) * row + k * row * column
    assert ((product - exact).abs() <= 1.001 * bound + 2 * BF16_ROUNDING * exact.abs()).all()
    assert (product - exact).norm() / exact.norm() < 0.02


@pytest.mark.parametrize(("m", "n", "k"), [(32, 48, 64), (3000, 64, 512), (40, 6000, 128)])
@pytest.mark.parametrize("product", sorted(LAYOUTS))
def test_blocks_give_the_same_int8_product_in_every_layout(product: Product, m: int, n: int, k: int) -> None:
    left, right = LAYOUTS[product](torch.randn(m, k).bfloat16(), torch.randn(k, n).bfloat16())
    out = torch.empty(m, n, dtype=torch.bfloat16)
    torch.testing.assert_close(int8_product_in_blocks(left, right, out), int8_product(left, right), rtol=2 * BF16_ROUNDING, atol=1e-6)
