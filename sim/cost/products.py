"""Seconds of one matrix product by precision, through whatever the device's calibration measured."""

from collections.abc import Iterable
from typing import Literal

from sim.cost.calibration import Calibration
from sim.scenario.workloads import Precision

BYTES = {"fp32": 4, "bf16": 2, "int8-mixed": 2}
"""Bytes of a weight or activation at rest: INT8 mixed precision keeps both in bf16 and quantises on every call."""


Product = Literal["output", "grad-input", "grad-weight"]
"""What a linear layer multiplies: each has operands laid out its own way, and INT8 training switches each on its own.

Output: tokens by row times the weight, whose rows are outputs. Grad-input: gradients by row times the same weight, summed over its rows.
Grad-weight: both operands lie by token, and tokens are summed over.
"""
PRODUCTS: tuple[Product, ...] = ("output", "grad-input", "grad-weight")
FAMILIES: dict[Precision, dict[Product, str]] = {
    "fp32": {"output": "matmul-fp32"},
    "bf16": {"output": "matmul-bf16", "grad-input": "matmul-bf16-grad-input", "grad-weight": "matmul-bf16-grad-weight"},
    "int8-mixed": {"output": "int8-linear", "grad-input": "int8-grad-input", "grad-weight": "int8-grad-weight"},
}
"""A CPU without bf16 arithmetic takes 25 times as long for one layout as for another (measured on two Zen 3 cores)."""
INT8_PARTS = ("matmul-int8", "memory-copy")
"""Families that an INT8 mixed-precision product rests on where no such product was measured."""


def product_family(calibration: Calibration, precision: Precision, product: Product) -> str | None:
    """The family of a product: its own, or the output's, or None where neither was measured."""
    families = FAMILIES[precision]
    return next((one for one in (families.get(product), families["output"]) if one in calibration.fits), None)


def product_families(calibration: Calibration, precision: Precision, products: Iterable[Product] = ("output",)) -> tuple[str, ...]:
    """The calibration's families that products of this precision rest on."""
    instead = INT8_PARTS if precision == "int8-mixed" else (FAMILIES[precision]["output"],)
    families = [product_family(calibration, precision, product) for product in products]
    return tuple(dict.fromkeys(one for family in families for one in ((family,) if family else instead)))


def product_seconds(calibration: Calibration, precision: Precision, m: float, n: float, k: float, product: Product = "output") -> float:
    """Seconds of an (m×k)·(k×n) product whose operands and result lie in memory at rest precision.

    INT8 mixed precision includes quantising both operands (row-wise and column-wise, symmetric) and scaling the result back: the
    measured family where there is one, else the plain INT8 product plus that traffic.
    """
    size = BYTES[precision]
    traffic = size * (m * k + k * n + m * n)
    family = product_family(calibration, precision, product)
    if family or precision != "int8-mixed":
        return calibration.fit(family or FAMILIES[precision]["output"]).matmul_seconds(m, n, k, traffic)
    # Fused kernels: read each operand for its scales and again to quantise it, write a byte; scaling the result back is fused.
    operands = m * k + k * n
    quantise = calibration.fit("memory-copy").bytes_seconds((2 * size + 1) * operands)
    return quantise + calibration.fit("matmul-int8").matmul_seconds(m, n, k, operands + size * m * n)
