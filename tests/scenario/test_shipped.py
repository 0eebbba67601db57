"""Shipped scenarios: each loads, asks a question in its first line, and points editors at the schema that is committed beside it."""

import json
from pathlib import Path

import pytest

from sim.scenario.loading import open_document, shipped_scenarios, validate
from sim.scenario.schema import scenario_schema
from sim.study.comparison import plan_documents

SCENARIOS = shipped_scenarios()


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_it_loads_and_asks(name: str) -> None:
    """Readable by its name, valid in each of its plans."""
    document = open_document(name)
    assert document.question.endswith("?")
    assert "yaml-language-server: $schema=./scenario.schema.json" in SCENARIOS[name].read_text(encoding="utf-8")
    assert validate(document).name == name
    for plan in plan_documents(document).values():
        validate(plan)


def test_the_promised_scenarios_are_here() -> None:
    """The questions the README lists."""
    assert {"second-source", "int8-or-more-gpus", "merging-to-64b", "specialists", "philly-replay", "openb-replay"} <= set(SCENARIOS)


def test_a_default_of_the_schema_is_as_a_user_would_write_it(small: Path) -> None:
    """What an editor offers loads: neither seconds without a unit nor how a distribution is held inside."""
    schema = scenario_schema()["$defs"]
    defaults = {key: one["default"] for key, one in schema["TrainingWorkload"]["properties"].items() if "default" in one}
    assert (defaults["restart"], defaults["gpus"], defaults["sequence"]) == ("5 min", 1, 4096)
    assert "cost-of-delay" not in defaults
    pool = {key: one["default"] for key, one in schema["Pool"]["properties"].items() if "default" in one}
    document = open_document(str(small))
    for key, value in defaults.items():
        document = document.override(f"workloads.tunes.{key}", value)
    for key, value in pool.items():
        document = document.override(f"providers.first.pools.a.{key}", value)
    offer = schema["OnDemandOffer"]["properties"]
    for key in ("keep-warm", "minimum"):
        document = document.override(f"providers.second.pools.b.offer.{key}", offer[key]["default"])
    validate(document)


def test_the_committed_schema_is_the_current_one() -> None:
    """``leadtime schema > scenarios/scenario.schema.json`` after every change of the words."""
    committed = Path(next(iter(SCENARIOS.values()))).parent / "scenario.schema.json"
    assert json.loads(committed.read_text(encoding="utf-8")) == json.loads(json.dumps(scenario_schema()))
