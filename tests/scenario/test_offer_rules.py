"""Offers that cannot be: every problem at once, with file, line, key, what was found and what would do."""

from pathlib import Path

import pytest

from sim.scenario.document import parse_set
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.study.preparation import prepare

BROKEN = """\
# ?
name: broken
horizon: 90 d
workloads:
  a: {kind: training, model: llama-3.1-8b, tokens: 3M, arrivals: {rate: 4/d}}
providers:
  p:
    pools:
      spot: {gpu: h100-sxm, nodes: 3, offer: {spot: 1.40 USD/GPU/h}}
      both: {gpu: h100-sxm, nodes: 3, offer: {spot: 1.40 USD/GPU/h, on-demand: 3 USD/GPU/h}}
      ours: {gpu: h100-sxm, nodes: 1, offer: {owned: {capex: 30000 USD, life: 4 y}}}
      dear: {gpu: h100-sxm, nodes: 1, offer: {on-demand: {10 d: 3 USD/GPU/h}}}
      back: {gpu: h100-sxm, nodes: 1, offer: {on-demand: {0 d: 3 USD/GPU/h, 9 d: 2 USD/GPU/h, 5 d: 1 USD/GPU/h}}}
      slot: {gpu: h100-sxm, nodes: 1, offer: {block: 2 USD/GPU/h, windows: [{start: 9 d, end: 5 d}]}}
      cost: {gpu: h100-sxm, nodes: 1, offer: {reserved: {trace: prices.csv, 0 d: 2 USD/GPU/h}, term: 1 y, discount: 140%}}
"""

GOLDEN = """\
F:9:39: providers.p.pools.spot.offer: found spot without reclaim; say how its nodes are taken back, as in 'reclaim: {mtbf: 18 h, notice: 2 min}', or buy them on-demand
F:11:55: providers.p.pools.ours.offer.owned.capex: found '30000 USD'; a purchase price takes one of USD/node, kUSD/node, USD/GPU, kUSD/GPU, as in '280 kUSD/node'
F:12:47: providers.p.pools.dear.offer.on-demand: found '10 d' as the first date; the first step says what holds from the start, as in '0 d: 2.49 USD/GPU/h'
F:13:47: providers.p.pools.back.offer.on-demand: found '5 d' after a later date; write each date once, in order
F:14:77: providers.p.pools.slot.offer.windows.0: found end 5 d, not after start 9 d; a window ends after it starts, as in {start: 10 d, end: 17 d}
F:15:47: providers.p.pools.cost.offer.reserved: found {trace, 0 d}; write one value ('2.49 USD/GPU/h'), steps on dates ({0 d: 2.49 USD/GPU/h, 30 d: …}), or a file ({trace: prices.csv})
F:15:107: providers.p.pools.cost.offer.discount: found '140%'; a share lies between 0% and 100%, as in '70%'
"""  # noqa: E501  one line a problem, as printed

FIRST, SECOND = "providers.first.pools.a", "providers.second.pools.b"
SPOT = "{spot: 1.4 USD/GPU/h, reclaim: {mtbf: 18 h}}"


def test_every_problem_of_an_offer_is_told_with_its_place(tmp_path: Path) -> None:
    """The golden list, in the words a user reads."""
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        validate(open_document(str(path)))
    found = [str(problem).replace(str(path), "F") for problem in caught.value.problems]
    for line in GOLDEN.splitlines():
        assert line in found
    assert any(line.startswith("F:10:") and "an offer is exactly one of" in line for line in found)
    assert len(found) == len(GOLDEN.splitlines()) + 1


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ([f"{SECOND}.offer={SPOT}", f"{SECOND}.placement=spread"], "found spread beside a spot offer"),
        ([f"{SECOND}.offer={SPOT}", f"{SECOND}.deliveries=[{{nodes: 2, after: 5 d}}]"], "nodes come and go as 'reclaim' says"),
        ([f"{SECOND}.offer={{block: 2 USD/GPU/h, windows: [{{start: 1 d, end: 2 d}}]}}"], "provisioning: found beside block"),
        ([f"{FIRST}.offer={{block: 2 USD/GPU/h, windows: [{{start: 10 d, end: 12 d}}]}}"], "start: found 10 d, which is not before"),
        (
            [f"{FIRST}.offer={{block: 2 USD/GPU/h, windows: [{{start: 1 d, end: 3 d}}, {{start: 2 d, end: 4 d}}]}}"],
            "windows.1.start: found 2 d, before the window ahead of it ends",
        ),
        ([f"{FIRST}.offer={{block: 2 USD/GPU/h, windows: [{{start: 1 d, end: 3 d}}]}}", f"{FIRST}.nodes=0"], "found a block of 0 nodes"),
        ([f"{FIRST}.offer={{block: 2 USD/GPU/h, windows: []}}"], "offer.windows: found no window; give at least one"),
        ([f"{FIRST}.offer={{owned: {{0 d: 2 USD/GPU/h, 30 d: 1 USD/GPU/h}}}}"], "offer.owned: found 30 d, which is not before the horizon"),
        (["providers.second.quotas={on-demand: 4}"], "on-demand: found 4 GPUs, which leaves pool 'b' not one node of 8"),
        (["providers.second.quotas={on-demand: -4}"], "found -4; a quota, in GPUs at once, is a whole number, 0 or more"),
        (["providers.second.quotas={spot: 8}"], "spot: found a quota on spot GPUs, and no pool of second is bought spot"),
        (["providers.first.quotas={committed: 4}"], "committed: found 4 GPUs, under the 8 that are committed to at once"),
        (
            ["providers.second.quotas={on-demand: 24}", f"{SECOND}.elastic={{max: 4, scale-up: {{headroom: 20%}}}}"],
            "on-demand: found 24 GPUs, under the 32 that elastic pools may grow to",
        ),
        (
            [f"{SECOND}.offer={{on-demand: 2 USD/GPU/h, keep-warm: 5 min}}", f"{SECOND}.elastic={{max: 4, scale-up: {{headroom: 20%}}}}"],
            "leave keep-warm out",
        ),
    ],
)  # fmt: skip
def test_offers_that_contradict_their_pool_are_refused(small: Path, written: list[str], says: str) -> None:
    """Spread nodes that go one by one, spot that is delivered, blocks with a lead time, windows and prices out of the horizon."""
    document = open_document(str(small))
    for one in written:
        document = document.override(*parse_set(one))
    with pytest.raises(InputError) as caught:
        validate(document)
    assert says in str(caught.value)


def test_files_that_an_offer_follows_are_read_before_anything_runs(small: Path, tmp_path: Path) -> None:
    """A price file without its column and a zone that is not there, both at once, each under its key."""
    (tmp_path / "prices.csv").write_text("time,price\n0,1\n")
    offer = "{spot: {trace: " + str(tmp_path / "prices.csv") + "}, reclaim: {trace: " + str(tmp_path / "zone.json") + "}}"
    with pytest.raises(InputError) as caught:
        prepare(open_document(str(small)).override(*parse_set(f"{SECOND}.offer={offer}")))
    says = str(caught.value)
    assert "has no column 'usd_per_gpu_hour'" in says
    assert f"{SECOND}.offer.reclaim.trace: cannot be read" in says
    assert f"{SECOND}.offer.spot" in says
