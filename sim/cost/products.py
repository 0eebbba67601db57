"""Seconds of one matrix product by precision, through whatever the device's calibration measured."""

from sim.cost.calibration import Calibration
from sim.scenario.workloads import Precision

BYTES = {"fp32": 4, "bf16": 2, "int8-mixed": 2}
"""Bytes of a weight or activation at rest: INT8 mixed precision keeps both in bf16 and quantises on every call."""


def product_families(calibration: Calibration, precision: Precision) -> tuple[str, ...]:
    """The calibration's families that a product of this precision rests on."""
    if precision != "int8-mixed":
        return (f"matmul-{precision}",)
    return ("int8-linear",) if "int8-linear" in calibration.fits else ("matmul-int8", "memory-copy")


def product_seconds(calibration: Calibration, precision: Precision, m: float, n: float, k: float) -> float:
    """Seconds of an (m×k)·(k×n) product whose operands and result lie in memory at rest precision.

    INT8 mixed precision includes quantising both operands (row-wise and column-wise, symmetric) and scaling the result back: the
    measured family where there is one, else the plain INT8 product plus that traffic.
    """
    size = BYTES[precision]
    traffic = size * (m * k + k * n + m * n)
    if precision != "int8-mixed":
        return calibration.fit(f"matmul-{precision}").matmul_seconds(m, n, k, traffic)
    if "int8-linear" in calibration.fits:
        return calibration.fit("int8-linear").matmul_seconds(m, n, k, traffic)
    # Fused kernels: read each operand for its scales and again to quantise it, write a byte; scaling the result back is fused.
    operands = m * k + k * n
    quantise = calibration.fit("memory-copy").bytes_seconds((2 * size + 1) * operands)
    return quantise + calibration.fit("matmul-int8").matmul_seconds(m, n, k, operands + size * m * n)
