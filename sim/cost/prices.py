"""List prices of the devices that costs are shipped for: a small dated sample, for estimates that name no price of their own.

Copied on 2026-11-24 from skypilot-catalog, catalogs/v8/nebius/vms.csv at commit 0082b04; on demand, in 8-GPU nodes (an L40S alone). A
device that is not here has no price rather than a guessed one.
"""

from dataclasses import dataclass

PRICES_DATE = "2026-11-24"


@dataclass(frozen=True)
class ListPrice:
    """USD for an hour of one GPU on demand, and where that was published."""

    usd_per_gpu_hour: float
    source: str


LIST_PRICES = {
    "h100-sxm": ListPrice(2.95, "nebius eu-north1, on demand (skypilot-catalog @0082b04)"),
    "h200-sxm": ListPrice(3.50, "nebius eu-north1, on demand (skypilot-catalog @0082b04)"),
    "b200-sxm": ListPrice(5.50, "nebius us-central1, on demand (skypilot-catalog @0082b04)"),
    "l40s": ListPrice(1.5484, "nebius eu-north1, one GPU on demand (skypilot-catalog @0082b04)"),
}
