"""How a pool's capacity is bought: exactly one of owned, reserved, block, on-demand, spot, each with its price.

Prices may change on dates (`sim.scenario.over_time`). Owned, reserved and block capacity is paid whether used or not; on-demand and spot
nodes are leased when work needs them and given back `keep_warm` after their last job.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from sim.scenario.model import Word
from sim.scenario.over_time import OverTime, PriceOverTime, constant
from sim.scenario.reclaim import Reclaim
from sim.scenario.units import CAPEX_UNITS, HOUR, Duration, Fraction, PositiveDuration, format_duration, split_quantity


@dataclass(frozen=True)
class PurchasePrice:
    """What a GPU or a node cost to buy."""

    usd: float
    of: str

    def of_gpu(self, gpus_per_node: int) -> float:
        return self.usd / gpus_per_node if self.of == "node" else self.usd


def _parse_purchase(value: object) -> PurchasePrice:
    if isinstance(value, PurchasePrice):
        return value
    parts = split_quantity(value)
    if parts is None or parts[1] not in CAPEX_UNITS or parts[0] < 0:
        raise PydanticCustomError(
            "capex", "found {found}; a purchase price takes one of {names}, as in '280 kUSD/node'",
            {"found": repr(value), "names": ", ".join(CAPEX_UNITS)},
        )  # fmt: skip
    scale, of = CAPEX_UNITS[parts[1]]
    return PurchasePrice(parts[0] * scale, of)


class Capex(Word):
    """Nodes that were bought: what they lose in value is spread evenly over their `life`; `residual` of the price is left at its end."""

    capex: Annotated[
        PurchasePrice,
        BeforeValidator(_parse_purchase),
        WithJsonSchema({"type": "string", "description": "purchase price of a node or GPU", "examples": ["280 kUSD/node"]}),
    ]
    life: PositiveDuration
    residual: Fraction = 0.0

    def usd_per_gpu_hour(self, gpus_per_node: int) -> float:
        return self.capex.of_gpu(gpus_per_node) * (1 - self.residual) / (self.life / HOUR)


class OwnedOffer(Word):
    """Your own nodes: an hourly cost, or what they cost to buy and over how long; electricity comes on top where `power` has a price."""

    kind: ClassVar[str] = "owned"
    owned: Annotated[
        Annotated[Capex, Tag("offer:capex")] | Annotated[PriceOverTime, Tag("offer:price")],
        Discriminator(
            lambda value: (
                "offer:capex" if isinstance(value, Capex) or "capex" in (value if isinstance(value, dict) else ()) else "offer:price"
            )
        ),
    ]

    def price(self, gpus_per_node: int) -> OverTime:
        return constant(self.owned.usd_per_gpu_hour(gpus_per_node)) if isinstance(self.owned, Capex) else self.owned


class ReservedOffer(Word):
    """A commitment: every node is paid, used or not, for one `term` after another, `discount` under the price; `upfront` of each when it
    begins."""

    kind: ClassVar[str] = "reserved"
    reserved: PriceOverTime
    term: PositiveDuration
    discount: Fraction = 0.0
    upfront: Fraction = 0.0

    def price(self, _: int) -> OverTime:
        return self.reserved


class Window(Word):
    """When a block's nodes are there, counted from the start of the run; at its end runs lose what they did not save."""

    start: Duration
    end: PositiveDuration

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise PydanticCustomError(
                "window", "found end {end}, not after start {start}; a window ends after it starts, as in {example}",
                {"end": format_duration(self.end), "start": format_duration(self.start), "example": "{start: 10 d, end: 17 d}"},
            )  # fmt: skip
        return self


class BlockOffer(Word):
    """Capacity blocks: the pool's nodes, there in each of the `windows` and not else; each window is paid whole on its first day."""

    kind: ClassVar[str] = "block"
    block: PriceOverTime
    windows: tuple[Window, ...] = Field(strict=False)

    def price(self, _: int) -> OverTime:
        return self.block


class LeasedOffer(Word):
    """Nodes asked for when needed, paid by the second from the answer to the return, at least for `minimum`."""

    keep_warm: Duration = 600.0
    minimum: Duration = 0.0


class OnDemandOffer(LeasedOffer):
    """Leased nodes that stay for as long as they are wanted."""

    kind: ClassVar[str] = "on-demand"
    on_demand: PriceOverTime

    def price(self, _: int) -> OverTime:
        return self.on_demand


class SpotOffer(LeasedOffer):
    """Leased nodes, spare ones, that the provider takes back as `reclaim` says."""

    kind: ClassVar[str] = "spot"
    spot: PriceOverTime
    reclaim: Reclaim

    def price(self, _: int) -> OverTime:
        return self.spot

    @model_validator(mode="before")
    @classmethod
    def _says_how_it_is_reclaimed(cls, value: Any) -> Any:
        if isinstance(value, dict) and "spot" in value and "reclaim" not in value:
            raise PydanticCustomError(
                "reclaim", "found spot without reclaim; say how its nodes are taken back, as in {example}, or buy them on-demand",
                {"example": "'reclaim: {mtbf: 18 h, notice: 2 min}'"},
            )  # fmt: skip
        return value


OFFER_KEYS = ("owned", "reserved", "block", "on-demand", "spot")


def _offer(value: Any) -> str | None:
    keys = value if isinstance(value, dict) else {value.kind} if isinstance(value, Word) and hasattr(value, "kind") else {}
    found = [key for key in OFFER_KEYS if key in keys]
    return f"offer:{found[0]}" if len(found) == 1 else None


Offer = Annotated[
    Annotated[OwnedOffer, Tag("offer:owned")]
    | Annotated[ReservedOffer, Tag("offer:reserved")]
    | Annotated[BlockOffer, Tag("offer:block")]
    | Annotated[OnDemandOffer, Tag("offer:on-demand")]
    | Annotated[SpotOffer, Tag("offer:spot")],
    Discriminator(
        _offer,
        custom_error_type="offer",
        custom_error_message=f"an offer is exactly one of {', '.join(OFFER_KEYS)} with its price, as in {{on-demand: 3.10 USD/GPU/h}}",
    ),
]
