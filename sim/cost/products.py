"""Seconds of one matrix product by precision, through whatever the device's calibration measured."""

from collections.abc import Iterable
from typing import Literal

from sim.cost.calibration import Calibration
from sim.scenario.workloads import Precision

BYTES = {"fp32": 4, "bf16": 2, "int8-mixed": 2}
"""Bytes of a weight or activation at rest: INT8 mixed precision keeps both in bf16 and quantises on every call."""


Product = Literal["output", "grad-input", "grad-weight"]
"""What a linear layer multiplies: each has operands laid out its own way, and INT8 training switches each on its own."""
INT8_FAMILIES: dict[Product, str] = {"output": "int8-linear", "grad-input": "int8-grad-input", "grad-weight": "int8-grad-weight"}


def int8_family(calibration: Calibration, product: Product) -> str | None:
    """The family of an INT8 mixed-precision product: its own, or the output's, or None where neither was measured."""
    return next((one for one in (INT8_FAMILIES[product], INT8_FAMILIES["output"]) if one in calibration.fits), None)


def product_families(calibration: Calibration, precision: Precision, products: Iterable[Product] = ("output",)) -> tuple[str, ...]:
    """The calibration's families that products of this precision rest on."""
    if precision != "int8-mixed":
        return (f"matmul-{precision}",)
    families = [int8_family(calibration, product) for product in products]
    return tuple(dict.fromkeys(one for family in families for one in ((family,) if family else ("matmul-int8", "memory-copy"))))


def product_seconds(calibration: Calibration, precision: Precision, m: float, n: float, k: float, product: Product = "output") -> float:
    """Seconds of an (m×k)·(k×n) product whose operands and result lie in memory at rest precision.

    INT8 mixed precision includes quantising both operands (row-wise and column-wise, symmetric) and scaling the result back: the
    measured family where there is one, else the plain INT8 product plus that traffic.
    """
    size = BYTES[precision]
    traffic = size * (m * k + k * n + m * n)
    if precision != "int8-mixed":
        return calibration.fit(f"matmul-{precision}").matmul_seconds(m, n, k, traffic)
    if family := int8_family(calibration, product):
        return calibration.fit(family).matmul_seconds(m, n, k, traffic)
    # Fused kernels: read each operand for its scales and again to quantise it, write a byte; scaling the result back is fused.
    operands = m * k + k * n
    quantise = calibration.fit("memory-copy").bytes_seconds((2 * size + 1) * operands)
    return quantise + calibration.fit("matmul-int8").matmul_seconds(m, n, k, operands + size * m * n)
