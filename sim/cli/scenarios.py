"""``leadtime scenarios`` and ``leadtime schema``: what is shipped, and what a scenario file may say."""

import argparse
import json
from typing import Any


def add(commands: Any) -> None:
    scenarios = commands.add_parser("scenarios", help="list the shipped scenarios and the questions they answer")
    scenarios.set_defaults(command=_scenarios)
    schema = commands.add_parser("schema", help="print the JSON Schema of a scenario file, for editors")
    schema.set_defaults(command=_schema)


def _scenarios(_: argparse.Namespace) -> int:
    from sim.scenario.document import read_document
    from sim.scenario.loading import shipped_scenarios

    shipped = shipped_scenarios()
    width = max(map(len, shipped))
    for name, path in shipped.items():
        print(f"{name:{width}}  {read_document(path, shipped=shipped).question}")
    return 0


def _schema(_: argparse.Namespace) -> int:
    from sim.scenario.schema import scenario_schema

    print(json.dumps(scenario_schema(), indent=1))
    return 0
