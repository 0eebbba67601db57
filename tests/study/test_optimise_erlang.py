"""Optimise against a known optimum: M/M/c, whose smallest c under a mean wait Erlang C gives, with prices to choose among."""

from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.cost.calibration import Calibration
from sim.scenario.document import Document
from sim.scenario.units import HOUR
from sim.study.optimise import Optimised, optimise, prepare_optimisation
from sim.study.preparation import prepare
from sim.study.runner import Runner

NODES, OFFER = "providers.site.pools.machines.nodes", "providers.site.pools.machines.offer"
SERVICE_S = HOUR / 2
LOAD = 8.0
OFFERS = [{"owned": "0.10 USD/GPU/h"}, {"reserved": "0.08 USD/GPU/h", "term": "1 y"}, {"owned": "0.09 USD/GPU/h"}]


@pytest.fixture(autouse=True)
def _costs_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the calibration's error, job durations are exponential with the same mean in each replication."""
    monkeypatch.setattr(Calibration, "spread", lambda *_: 0.0)


def erlang_wait_s(servers: int, load: float) -> float:
    """The mean wait of M/M/c: Erlang's C over the spare service rate (load in erlangs; infinite at or over capacity)."""
    if load >= servers:
        return float("inf")
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    delayed = blocked / (1 - load / servers * (1 - blocked))
    return delayed * SERVICE_S / (servers - load)


@dataclass(frozen=True)
class Sizing:
    """An M/M/c sizing problem, and what is known of its answer."""

    load: float
    limit_s: float
    seed: int
    offers: bool
    trials: int = 100

    @property
    def servers(self) -> int:
        return next(c for c in range(1, 200) if erlang_wait_s(c, self.load) <= self.limit_s)

    def document(self, horizon: str) -> Document:
        work: dict[str, Any] = {
            "kind": "evaluation", "model": "smollm2-135m", "sequence": 1024, "tokens": {"mean": "1M"},
            "arrivals": {"rate": f"{self.load / SERVICE_S * HOUR:.9g}/h"}, "target": {"wait": {"mean": f"{self.limit_s:.9g} s"}},
        }  # fmt: skip
        over: dict[str, Any] = {NODES: f"{int(self.load) // 2}..{int(self.load * 2) + 8}"}
        over |= {OFFER: OFFERS} if self.offers else {}
        pool = {"gpu": "amd-epyc-f26-avx512-2c", "nodes": 1, "gpus-per-node": 1, "offer": OFFERS[0]}
        data = {
            "name": "sizing", "horizon": horizon, "warmup": "2 d", "seed": self.seed, "replications": 8, "workloads": {"scores": work},
            "providers": {"site": {"pools": {"machines": pool}}}, "study": {"optimise": {"over": over, "trials": self.trials}},
        }  # fmt: skip
        document = Document(data, "sizing.yaml", Path())
        preparation = prepare(document)
        costs, evaluation = preparation.costs(0), preparation.scenario.workloads["scores"]
        tokens = SERVICE_S / costs.evaluation_seconds(evaluation, 1, preparation.node_types[0]).token_s  # type: ignore[arg-type]
        return document.override("workloads.scores.tokens", {"mean": f"{tokens:.9g}"})

    def solve(self, horizon: str) -> Optimised:
        with Runner(1) as runner:
            return optimise(prepare_optimisation(self.document(horizon)), runner)

    def judge(self, found: Optimised) -> tuple[bool, float]:
        """Whether the answer truly misses its target, and by how much it is dearer than the optimum."""
        answer = found.optimisation
        assert answer.chosen is not None
        values = answer.plans[answer.chosen].values
        price = _price(values.get(OFFER, OFFERS[0])) / min(map(_price, OFFERS if self.offers else OFFERS[:1]))
        return erlang_wait_s(values[NODES], self.load) > self.limit_s, values[NODES] * price / self.servers - 1


def _price(offer: dict[str, str]) -> float:
    return float(next(iter(offer.values())).split()[0])


def test_erlang_c_as_tabulated() -> None:
    """M/M/4 at 80 %: the mean wait is 0.745541 services."""
    assert erlang_wait_s(4, 3.2) / SERVICE_S == pytest.approx(0.745541, abs=1e-6)


@pytest.mark.parametrize(("offers", "trials", "how"), [(False, 100, "bisected"), (True, 100, "enumerated"), (True, 20, "searched")])
def test_the_known_optimum_is_found(offers: bool, trials: int, how: str) -> None:
    """One size is bisected, a small grid enumerated, a large one searched: each names the smallest c at the lowest price."""
    if how == "searched":
        pytest.importorskip("optuna")
    sizing = Sizing(LOAD, (erlang_wait_s(10, LOAD) * erlang_wait_s(11, LOAD)) ** 0.5, 3, offers, trials)
    found = sizing.solve("12 d")
    assert sizing.servers == 11
    assert found.optimisation.how.startswith(how)
    assert sizing.judge(found) == (False, 0.0)
    assert found.optimisation.simulated <= {"bisected": 6, "enumerated": 40, "searched": 40}[how]


@pytest.mark.slow
def test_forty_known_optima() -> None:
    """Random loads and limits, a way of searching each in turn: no answer truly misses its target, and the mean cost gap is 2 % or less."""
    missed, gaps = 0, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        load, limit_s = float(rng.uniform(4, 20)), SERVICE_S * exp(rng.uniform(log(0.02), log(1.0)))
        sizing = Sizing(load, limit_s, seed, offers=seed % 2 == 1, trials=20 if seed % 4 == 3 else 100)
        found = sizing.solve("60 d")
        wrong, gap = sizing.judge(found)
        missed += wrong
        gaps.append(gap)
        print(f"seed {seed}: {load:.2f} erlangs, {limit_s:.0f} s: optimum {sizing.servers}, missed {wrong}, gap {gap:.1%}, "
              f"{found.optimisation.simulated} simulated, {found.optimisation.how}")  # fmt: skip
    print(f"truly infeasible {missed} of 40, mean gap {np.mean(gaps):.2%}, largest {np.max(gaps):.1%}")
    assert missed == 0
    assert np.mean(gaps) <= 0.02
