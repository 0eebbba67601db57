"""What is measured is what it claims to be: the INT8 product is a product."""

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from profiler.int8_training import int8_product, int8_product_in_blocks, product_here, quantise  # noqa: E402
from profiler.probes import all_probes  # noqa: E402
from profiler.probes.matmul import LAYOUTS  # noqa: E402
from sim.cost.products import Product  # noqa: E402

Int8Product = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
BF16_ROUNDING = 2.0**-8
"""Largest relative error of rounding to bf16's eight significant bits."""


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
@pytest.mark.parametrize("how", [int8_product_in_blocks, product_here])
def test_blocks_and_fused_passes_give_the_same_in_every_layout(how: Int8Product, product: Product, m: int, n: int, k: int) -> None:
    left, right = LAYOUTS[product](torch.randn(m, k).bfloat16(), torch.randn(k, n).bfloat16())
    out = torch.empty(m, n, dtype=torch.bfloat16)
    found = how(left, right, out)
    assert found.data_ptr() == out.data_ptr()
    torch.testing.assert_close(found, int8_product(left, right), rtol=2 * BF16_ROUNDING, atol=1e-6)


def test_without_a_compiler_it_runs_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the probe says so, because its times are then no good implementation's."""
    monkeypatch.setattr("profiler.int8_training.can_compile", lambda _: False)
    left, right = torch.randn(64, 32).bfloat16(), torch.randn(32, 48).bfloat16()
    assert torch.equal(product_here(left, right), int8_product_in_blocks(left, right))
    note = all_probes()["int8-linear"].prepare({"m": 64, "n": 48, "k": 32}, torch.device("cpu"), Path()).note
    assert note is not None
    assert "no compiler" in note
