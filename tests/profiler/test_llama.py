"""The transformer that is measured is one: rotary keeps lengths, a cache gives what the whole sequence gives, shapes count its weights."""

import pytest

torch = pytest.importorskip("torch", reason="the profiler needs torch: install leadtime[profiler]")

from profiler.llama import Cache, Transformer, rotary_table, rotated  # noqa: E402
from sim.cost.models import ModelShape  # noqa: E402

CPU = torch.device("cpu")
SHAPE = {"layers": 2, "hidden": 64, "intermediate": 128, "heads": 4, "kv_heads": 2, "vocabulary": 128, "sequence": 24, "batch": 2}


def test_a_rotation_keeps_lengths_and_depends_on_distance_alone() -> None:
    """Holds what rotary positions are for (arXiv 2104.09864): a query and a key meet by how far apart they are."""
    table = rotary_table(40, 32)
    x, y = (torch.randn(1, 1, 1, 32).bfloat16() for _ in range(2))
    at = [rotated(x.expand(1, 1, 40, 32), table).float()[0, 0], rotated(y.expand(1, 1, 40, 32), table).float()[0, 0]]
    torch.testing.assert_close(at[0].norm(dim=-1), x.float().norm().expand(40), rtol=0.02, atol=0.0)
    assert float(at[0][5] @ at[1][9]) == pytest.approx(float(at[0][25] @ at[1][29]), abs=0.25)


def test_decoding_with_a_cache_gives_what_the_whole_sequence_gives() -> None:
    torch.manual_seed(0)
    model = Transformer(SHAPE, CPU)
    tokens = torch.randint(0, 128, (2, 24))
    with torch.no_grad():
        whole = model(tokens)[:, -1]
        cache = Cache(2, 2, 2, 24, 16, CPU)
        model(tokens[:, :20], cache)
        cache.filled = 20
        for position in range(20, 24):
            last = model(tokens[:, position : position + 1], cache)
            cache.filled += 1
    torch.testing.assert_close(last[:, 0].float(), whole.float(), rtol=0.05, atol=0.03)


@pytest.mark.parametrize("precision", ["bf16", "int8-mixed"])
def test_it_has_the_weights_that_the_cost_model_counts(precision: str) -> None:
    shape = ModelShape("x", 2, 64, 128, 4, 2, 128, "test", head_size=16)
    model = Transformer(SHAPE, CPU, precision=precision)  # type: ignore[arg-type]
    assert sum(weight.numel() for weight in model.parameters()) == shape.parameters
