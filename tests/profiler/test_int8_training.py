"""INT8 mixed precision trains: its gradients are those of the plain layer within quantisation error, and each switch is its own."""

import pytest

torch = pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler import int8_training  # noqa: E402
from profiler.int8_training import Int8TrainingLinear  # noqa: E402
from tests.profiler.devices import DEVICES  # noqa: E402

CPU = torch.device("cpu")

SWITCHES = ("output", "grad_input", "grad_weight")


def results(linear: torch.nn.Linear, x: torch.Tensor) -> list[torch.Tensor]:
    """Output, grad-input and grad-weight for a gradient of ones and twos."""
    y = linear(x)
    gradient = torch.ones_like(y)
    gradient[::2] = 2
    return [y.detach(), *torch.autograd.grad(y, (x, linear.weight), gradient)]


def pair(device: torch.device = CPU) -> tuple[torch.nn.Linear, Int8TrainingLinear, torch.Tensor]:
    torch.manual_seed(0)
    plain = torch.nn.Linear(96, 160, bias=False).bfloat16().to(device)
    ours = Int8TrainingLinear(96, 160, bias=False).bfloat16().to(device)
    ours.load_state_dict(plain.state_dict())
    return plain, ours, torch.randn(2, 64, 96).bfloat16().to(device).requires_grad_()


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_output_and_gradients_are_the_plain_layers_within_quantisation_error(device: torch.device) -> None:
    plain, ours, x = pair(device)
    for exact, found in zip(results(plain, x), results(ours, x), strict=True):
        assert found.shape == exact.shape
        assert found.dtype == exact.dtype
        assert found.is_contiguous()  # a gradient that lies otherwise than its weight would be copied once more
        assert 0 < float((found - exact).float().norm() / exact.float().norm()) < 0.03


@pytest.mark.parametrize("off", SWITCHES)
def test_a_switch_turns_off_one_product_and_no_other(off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, ours, x = pair()
    setattr(ours, off, False)
    calls: list[int] = []
    product = int8_training.product_here
    monkeypatch.setattr(int8_training, "product_here", lambda *operands: (calls.append(1), product(*operands))[1])
    for name, exact, found in zip(SWITCHES, results(plain, x), results(ours, x), strict=True):
        assert (
            torch.allclose(exact, found, rtol=0.02, atol=0.02 * float(exact.abs().max())) if name == off else not torch.equal(exact, found)
        )
    assert len(calls) == 2


def test_it_multiplies_as_torchao_does() -> None:
    """Holds the scheme: the same rounding as torchao's own layer, where that is installed."""
    training = pytest.importorskip("torchao.prototype.quantized_training")
    plain, ours, x = pair()
    theirs = training.Int8MixedPrecisionTrainingLinear(96, 160, bias=False, config=training.Int8MixedPrecisionTrainingConfig()).bfloat16()
    theirs.load_state_dict(plain.state_dict())
    for one, other in zip(results(theirs, x), results(ours, x), strict=True):
        assert float((one - other).float().norm() / one.float().norm()) < 0.01
