"""What is merged and how: a method's words, its weights, and what a scenario's `method` means in arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass

from sim.cost.merge import NEEDS_BASE
from sim.scenario.errors import InputError
from sim.scenario.workloads import MergeMethod, experts_problem


@dataclass(frozen=True)
class Recipe:
    """A merge of `len(weights)` experts; InputError where the method cannot take them.

    `density` is the share of differences that TIES and DARE keep, `scale` what their merged difference (and task arithmetic's) is
    multiplied by, `seed` what DARE's choice depends on, with the tensor's name.
    """

    method: MergeMethod
    weights: tuple[float, ...]
    density: float = 0.2
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if problem := experts_problem(self.method, len(self.weights)):
            raise InputError.of(problem)
        if not 0 < self.density <= 1:
            raise InputError.of(f"found density {self.density:g}; a share above 0 and at most 1 would do, as in 0.2")
        if self.method in ("slerp", "ties", "dare-ties") and (min(self.weights) < 0 or sum(self.weights) <= 0):
            raise InputError.of(f"found weights {self.weights}; {self.method} needs weights of at least 0, one of them more")

    @classmethod
    def equal(cls, method: MergeMethod, experts: int, density: float = 0.2, seed: int = 0) -> "Recipe":
        """Every expert counts alike."""
        return cls(method, (1.0 / experts,) * experts, density, seed=seed)

    @property
    def needs_base(self) -> bool:
        """Whether models are given base first, then the experts."""
        return self.method in NEEDS_BASE

    @property
    def models(self) -> int:
        """Models read."""
        return len(self.weights) + self.needs_base


def task_arithmetic_weights(weights: Sequence[float], scale: float) -> list[float]:
    """base + scale·Σ weightᵢ·(expertᵢ − base) as one weighted sum of the base and the experts (Ilharco et al., arXiv 2212.04089)."""
    return [1 - scale * sum(weights), *(scale * weight for weight in weights)]
