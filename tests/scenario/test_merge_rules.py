"""What a merge's words allow depends on its method."""

from pathlib import Path

import pytest

from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate

SCENARIO = """
name: merges
horizon: 10 d
workloads:
  search: {{kind: merge, model: llama-3.1-8b, method: {method}, experts: {experts}, arrivals: {{rate: 4/d}}}}
providers:
  one: {{pools: {{a: {{gpu: h100-sxm, nodes: 1, gpus-per-node: 8, offer: {{owned: 2 USD/GPU/h}}}}}}}}
"""


def loaded(folder: Path, method: str, experts: str) -> None:
    path = folder / "merges.yaml"
    path.write_text(SCENARIO.format(method=method, experts=experts))
    validate(open_document(str(path)))


def test_slerp_merges_two_and_says_so_where_more_are_asked_for(tmp_path: Path) -> None:
    """Holds slerp to the arc between two models, in a mix of numbers of experts too; other methods take any number."""
    loaded(tmp_path, "slerp", "2")
    loaded(tmp_path, "ties", "{2: 50%, 8: 50%}")
    for experts in ("3", "{2: 50%, 8: 50%}"):
        with pytest.raises(InputError, match=r"merges\.yaml:5:.*search\.experts: found [38] experts; slerp goes along the arc between two"):
            loaded(tmp_path, "slerp", experts)
