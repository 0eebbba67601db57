"""The base of every word in a scenario: kebab-case keys, nothing unknown, nothing changed after loading."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints


def kebab(name: str) -> str:
    return name.replace("_", "-")


class Word(BaseModel):
    """A frozen mapping of known keys; ``gpus_per_node`` in Python is ``gpus-per-node`` in YAML."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=kebab, validate_by_name=True, validate_by_alias=True, strict=True
    )


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]

PlanName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]*$")]

Path = str
"""A path as written; `sim.scenario.document` makes it absolute against the file that names it."""

Plain = Any
"""Any plain YAML value."""
