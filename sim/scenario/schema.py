"""The JSON Schema of a scenario file, for editors: keys, what their values look like, and defaults as a user would write them."""

from typing import Any

from sim.scenario.scenario import Scenario
from sim.scenario.units import format_duration


def scenario_schema() -> dict[str, Any]:
    """JSON Schema of a scenario file."""
    schema = Scenario.model_json_schema(by_alias=True)
    _write_defaults(schema)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["extends"] = {"type": "string", "description": "a scenario file or shipped name to start from"}
    schema["required"] = []  # an extending file may leave everything to its base
    return schema


def _write_defaults(node: Any) -> None:
    """Defaults all through the schema, in place: as written where they can be, else none, for seconds are no duration in a file."""
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _write_defaults(inner)
    if isinstance(node, dict) and isinstance(default := node.get("default"), dict | float | int):
        del node["default"]
        if (written := _written(default, node)) is not None:
            node["default"] = written


def _written(default: Any, node: dict[str, Any]) -> Any:
    """The default as a file has it; None where it is made of more than a file would say."""
    if isinstance(default, dict):
        values = default.get("values", ())
        return values[0] if len(values) == 1 else None
    if node.get("type") == "string":
        return format_duration(default) if node.get("description", "").startswith("duration") else None
    return default
