"""What an earlier delivery is worth: the scenario against itself with one delivery pulled forward, on the same random numbers."""

from collections.abc import Sequence

from sim.scenario.document import Document, named
from sim.scenario.errors import InputError
from sim.scenario.loading import validate


def earlier_documents(document: Document, spans: Sequence[str]) -> dict[str, Document]:
    """The plans: as written, and every delivery of every pool earlier by each of `spans`, written as in ``1 w``.

    InputError where nothing is delivered, or a span is no duration.
    """
    plain = document.override("study", None)
    plans = {"as written": plain}
    for (provider, name), pool in validate(plain).pools().items():
        for index, delivery in enumerate(pool.deliveries):
            for span in spans if delivery.nodes else ():
                which = f"{delivery.nodes} nodes of {name}" + (f" no {index + 1}" if len(pool.deliveries) > 1 else "")
                key = f"providers.{provider}.pools.{name}.deliveries.{index}.earlier"
                plan = which if which not in plans else f"{which} of {provider}"
                plans[f"{plan} {_dashed(span)} earlier"] = plain.override(key, span, place="--earlier")
    if len(plans) == 1:
        message = "delivers nothing, so nothing can come earlier; add deliveries to a pool, as in 'deliveries: [{nodes: 8, after: 30 d}]'"
        raise InputError.of(message, where=document.file)
    for one in plans.values():
        validate(one)
    return named(plans)


def _dashed(span: str) -> str:
    """A span as part of a plan's name, which is also its folder's."""
    return "".join(letter if letter.isalnum() else " " for letter in span)
