"""Mirrored streams: each draw from the other end of its distribution, which stays exactly what it was."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from sim.demand.streams import stream

COUNT = 20_000
Draw = Callable[[np.random.Generator], np.ndarray]


@pytest.mark.parametrize(
    ("draw", "law"),
    [
        (lambda rng: rng.uniform(2.0, 5.0, COUNT), stats.uniform(2, 3)),
        (lambda rng: rng.random(COUNT), stats.uniform()),
        (lambda rng: rng.standard_normal(COUNT), stats.norm()),
        (lambda rng: rng.exponential(3.0, COUNT), stats.expon(scale=3)),
    ],
)
def test_the_mirror_has_the_same_law_and_the_opposite_rank(draw: Draw, law: stats.rv_continuous) -> None:
    """F(x) + F(mirrored x) = 1, draw by draw, and the mirrored sample passes Kolmogorov–Smirnov."""
    plain, mirrored = draw(stream(3, 7, "x")), draw(stream(3, ~7, "x"))
    assert law.cdf(plain) + law.cdf(mirrored) == pytest.approx(1.0)
    assert stats.kstest(mirrored, law.cdf).pvalue > 1e-3


def test_counts_and_choices_are_mirrored_too() -> None:
    """Poisson counts keep mean and variance and run against their pair; shares of a choice stay what they are."""
    pairs = np.array([[stream(1, number, "n").poisson(50), stream(1, ~number, "n").poisson(50)] for number in range(600)])
    assert pairs[:, 1].mean() == pytest.approx(50, abs=4 * np.sqrt(50 / 600))
    assert pairs[:, 1].var() == pytest.approx(50, rel=4 * np.sqrt(2 / 600))
    assert np.corrcoef(pairs.T)[0, 1] < -0.95
    shares = np.array([0.5, 0.3, 0.2])
    mirrored = stream(1, ~2, "c").choice(np.array([1, 2, 4]), size=COUNT, p=shares)
    found = np.array([(mirrored == value).mean() for value in (1, 2, 4)])
    assert found == pytest.approx(shares, abs=0.015)
    plain = stream(1, 2, "c").choice(np.array([1, 2, 4]), size=COUNT, p=shares)
    assert np.corrcoef(plain, mirrored)[0, 1] < -0.5


def test_plain_streams_draw_what_they_drew() -> None:
    """A golden value: adding mirrors moved no draw of any scenario."""
    assert stream(1, 0, "workload", "x", "arrivals").random() == 0.9271940809328147
