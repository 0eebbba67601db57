"""The catalogue's shapes have the parameters that their publishers count, and nobody's shape is without a source."""

import re

import pytest

from sim.cost.models import CATALOGUE, model_shape
from sim.scenario.errors import InputError

PUBLISHED = {
    "llama-3.1-8b": 8.03e9,  # llama-models llama3_1 MODEL_CARD.md
    "llama-3.1-70b": 70.6e9,
    "llama-3.1-405b": 405e9,
    "llama-3.2-11b-vision": 10.6e9,  # llama-models llama3_2 MODEL_CARD_VISION.md
    "llama-3.2-1b": 1.23e9,  # llama-models llama3_2 MODEL_CARD.md
    "llama-3.2-3b": 3.21e9,
    "tinyllama-1.1b": 1.1e9,  # TinyLlama README
    "smollm2-135m": 134_515_008,  # safetensors' count on the hub
    "smollm2-360m": 361_821_120,
    "smollm2-1.7b": 1_711_376_384,
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_shape_has_its_published_parameters(name: str) -> None:
    """Holds the published count within half a percent."""
    assert model_shape(name).parameters == pytest.approx(PUBLISHED[name], rel=0.005)


@pytest.mark.parametrize(
    ("name", "exact"), [("llama-3.1-8b", 8_030_261_248), ("llama-3.2-1b", 1_235_814_400), ("smollm2-135m", 134_515_008)]
)
def test_a_text_shape_counts_every_weight(name: str, exact: int) -> None:
    """Holds the exact count of the published safetensors: linears, embedding (once where tied) and norms."""
    assert model_shape(name).parameters == exact


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_shape_is_whole_and_says_where_it_comes_from(name: str) -> None:
    """Holds a transformer's integrity: whole groups of query heads, positive sizes, and a source or a stated assumption."""
    shape = CATALOGUE[name]
    assert shape.name == name
    assert len(shape.source) > 10
    assert shape.heads % shape.kv_heads == 0
    assert all(linear.parameters > 0 for linear in shape.text_linears())
    assert "assumption" in shape.source or name in PUBLISHED


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_the_name_tells_the_size(name: str) -> None:
    """Holds a name's promise: the size in it is the shape's, to the two digits that names have, or a quarter or so where it has one."""
    number, unit = re.findall(r"(\d+(?:\.\d+)?)([bm])\b", name)[-1]
    named = float(number) * {"b": 1e9, "m": 1e6}[unit]
    assert model_shape(name).parameters == pytest.approx(named, rel=0.05 if len(number) > 1 else 0.3)


def test_text_never_enters_the_image_tower() -> None:
    """Holds the published design: 11B Vision on text is its 8B language model, and only images pass the tower."""
    vision, text = model_shape("llama-3.2-11b-vision"), model_shape("llama-3.1-8b")
    assert vision.text_linears() == text.text_linears()
    assert text.vision_linears() == ()
    assert text.cross_linears() == ((), ())
    assert vision.parameters > text.parameters
    assert sum(linear.parameters for linear in vision.vision_linears()) > 7e8


def test_an_unknown_model_is_refused_with_the_nearest() -> None:
    """Holds the promise that an error names what would do."""
    with pytest.raises(InputError, match=r"llama-3\.1-80b.*llama-3\.1-8"):
        model_shape("llama-3.1-80b")
