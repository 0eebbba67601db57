"""Products through fp32 are the same products: within one rounding of float64's, whatever the format and wherever they lie in memory."""

import pytest

torch = pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler import products  # noqa: E402
from profiler.int8_training import Int8TrainingLinear, PlainTrainingLinear, training_linear  # noqa: E402
from profiler.llama import Transformer  # noqa: E402
from profiler.probes.matmul import LAYOUTS  # noqa: E402

CPU = torch.device("cpu")
ROUNDING = {torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}
"""Largest relative error of rounding to the format's significant bits."""


@pytest.fixture(params=[True, False], ids=["own-arithmetic", "through-fp32"])
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Either kind of CPU."""
    monkeypatch.setattr(products, "has_arithmetic", lambda *_: request.param)
    monkeypatch.setattr("profiler.int8_training.has_arithmetic", lambda *_: request.param)
    return bool(request.param)


@pytest.mark.usefixtures("arithmetic")
@pytest.mark.parametrize("dtype", sorted(ROUNDING, key=str))
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("rows", [products.FEW_ROWS - 1, products.FEW_ROWS, 70])
def test_a_product_is_within_a_rounding_of_the_exact_one(dtype: torch.dtype, layout: str, rows: int) -> None:
    left, right = LAYOUTS[layout](torch.randn(rows, 96).to(dtype), torch.randn(96, 48).to(dtype))  # type: ignore[index]
    exact, magnitude = left.double() @ right.double(), left.double().abs() @ right.double().abs()
    out = torch.empty(rows, 48, dtype=dtype)
    written = products.multiply(left, right, out=out)
    assert written.data_ptr() == out.data_ptr()
    for found in (written, products.multiply(left, right)):
        assert found.dtype == dtype
        assert ((found.double() - exact).abs() <= ROUNDING[dtype] * exact.abs() + 1e-5 * magnitude).all()


@pytest.mark.usefixtures("arithmetic")
def test_int8_sums_are_exact_while_24_bits_hold_them() -> None:
    depth = 2**24 // 127**2
    left, right = torch.full((20, depth), -127, dtype=torch.int8), torch.full((depth, 16), 127, dtype=torch.int8)
    left[3], right[:, 5] = torch.randint(-127, 128, (depth,)), torch.randint(-127, 128, (depth,))
    exact = left.long() @ right.long()
    assert int(exact.abs().max()) > 2**23
    assert torch.equal(products.int8_sums(left, right).long(), exact)
    out = torch.empty(20, 16, dtype=torch.int32)
    assert torch.equal(products.multiply_int8(left, right, out=out).long(), exact)


@pytest.mark.usefixtures("arithmetic")
def test_attention_is_the_softmax_that_it_stands_for() -> None:
    query, key, value = (torch.randn(2, heads, 40, 16).bfloat16() for heads in (6, 2, 2))
    scores = query.double() @ key.double().repeat_interleave(3, 1).transpose(2, 3) / 4
    scores.masked_fill_(torch.ones(40, 40).triu(1).bool(), -torch.inf)
    exact = scores.softmax(-1) @ value.double().repeat_interleave(3, 1)
    found = products.attention(query, key, value)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), exact, rtol=0.02, atol=0.02)


def test_a_bf16_layer_is_torchs_own_only_where_that_has_arithmetic(arithmetic: bool) -> None:
    assert training_linear("bf16", CPU) is (torch.nn.Linear if arithmetic else PlainTrainingLinear)
    assert training_linear("int8-mixed", CPU) is Int8TrainingLinear


def test_both_kinds_of_layer_train_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same loss, and the same gradients within bf16's rounding of what each product rounds once."""
    shape = {"layers": 2, "hidden": 64, "intermediate": 128, "heads": 4, "kv_heads": 2, "vocabulary": 128, "sequence": 24, "batch": 2}
    tokens = torch.randint(0, 128, (2, 24), generator=torch.Generator().manual_seed(0))
    gradients, losses = [], []
    for known in (True, False):
        for module in ("profiler.products", "profiler.int8_training"):
            monkeypatch.setattr(f"{module}.has_arithmetic", lambda *_, known=known: known)
        torch.manual_seed(0)
        model = Transformer(shape, CPU)
        loss = torch.nn.functional.cross_entropy(model(tokens).flatten(0, 1).float(), tokens.flatten())
        loss.backward()
        losses.append(loss.item())
        gradients.append(torch.cat([weight.grad.float().flatten() for weight in model.parameters() if weight.grad is not None]))
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert float((gradients[1] - gradients[0]).norm() / gradients[0].norm()) < 0.05


def test_what_ran_through_fp32_says_so(arithmetic: bool) -> None:
    note = products.widened_note(torch.bfloat16, CPU)
    assert note is None if arithmetic else note is not None and "bfloat16 products ran through fp32" in note


def test_formats_with_kernels_of_their_own_are_left_alone() -> None:
    assert products.has_arithmetic(torch.float32, "cpu")
    assert products.has_arithmetic(torch.float8_e4m3fn, "cpu")
    assert all(products.has_arithmetic(dtype, "cuda") for dtype in products.HAS_KERNELS)
