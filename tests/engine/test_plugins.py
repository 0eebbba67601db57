"""Policies of other distributions: one is found by its entry point and used by name; one that raises is named, and nothing is kept."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.engine.plugins import PluginError
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, validate
from sim.scenario.plugins import plugins
from sim.study.preparation import prepare
from sim.study.replication import Replication, replicate

MODULE = '''
from sim.engine.orderings.ranked import Ranked


def longest_first(queueing):
    """A whole plugin: jobs with the longest estimate first."""
    return Ranked(lambda job: -queueing.estimate_s(job))


def broken(queueing):
    def rank(job):
        raise ZeroDivisionError("no rank for anybody")

    return Ranked(rank)


class Aimless:
    """A routing that forgets to choose."""

    def choose(self, job):
        return None


def aimless(*_):
    return Aimless()


def headless(queueing):
    """An ordering without a head."""

    class Headless(Ranked):
        head = None

    return Headless(lambda job: 0.0)


def stingy(yielding):
    class Never:
        def asks(self, job):
            return True

        def yields(self, running, job):
            return False

    return Never()
'''
ENTRY_POINTS = """\
[leadtime.orderings]
longest-first = leadtime_example:longest_first
broken = leadtime_example:broken
absent = leadtime_example:not_there
headless = leadtime_example:headless

[leadtime.routings]
aimless = leadtime_example:aimless

[leadtime.preemptions]
stingy = leadtime_example:stingy
"""


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed distribution with an example plugin of each kind."""
    site = tmp_path / "site"
    (site / "leadtime_example-1.0.dist-info").mkdir(parents=True)
    (site / "leadtime_example.py").write_text(MODULE, encoding="utf-8")
    (site / "leadtime_example-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: leadtime-example\nVersion: 1.0\n")
    (site / "leadtime_example-1.0.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    plugins.cache_clear()
    yield site
    plugins.cache_clear()
    sys.modules.pop("leadtime_example", None)


def crowded(small: Path, order: str) -> Replication:
    """Two days of fine-tunes on one node that is enough for two thirds of them."""
    document = open_document(str(small)).override("policy", {"queue": {"order": order}}).override("providers.second", None)
    document = document.override("workloads.merges", None).override("workloads.tunes.gpus", 8)
    return replicate(prepare(document.override("workloads.tunes.arrivals.rate", "200/d").override("horizon", "2 d")), 0)


def test_a_plugin_orders_by_its_name(small: Path, example: Path) -> None:  # noqa: ARG001
    """Longest first is the opposite of shortest first, and the worst for the mean wait."""
    orders = ("sjf", "fifo", "longest-first")
    mean = [crowded(small, order).figures["wait.mean"] for order in orders]
    assert mean[0] < mean[1] < mean[2]


def test_a_preemption_may_be_a_plugins(small: Path, example: Path) -> None:  # noqa: ARG001
    document = open_document(str(small)).override("policy.preemption", {"policy": "stingy"}).override("horizon", "3 d")
    assert replicate(prepare(document), 0).figures["interruptions"] == 0


def test_an_unknown_name_suggests_a_plugins(small: Path, example: Path) -> None:  # noqa: ARG001
    with pytest.raises(InputError, match="found 'longest'; did you mean 'longest-first'"):
        validate(open_document(str(small)).override("policy.queue.order", "longest"))


@pytest.mark.parametrize(("order", "what"), [("broken", "ZeroDivisionError: no rank for anybody"), ("absent", "AttributeError")])
def test_a_plugin_that_raises_is_named(small: Path, example: Path, order: str, what: str) -> None:  # noqa: ARG001
    """By its name, its distribution and where it is defined; the traceback is kept apart."""
    with pytest.raises(PluginError, match=f"the plugin '{order}' of leadtime-example .* raised {what}") as caught:
        crowded(small, order)
    assert "leadtime_example" in caught.value.details


def test_a_plugin_that_is_no_such_policy_is_named_too(small: Path, example: Path) -> None:  # noqa: ARG001
    """What it lacks or returns wrongly fails in the engine's own code: still no bare traceback."""
    with pytest.raises(PluginError, match=r"the plugin 'headless' of leadtime-example .* is no such policy, .* TypeError"):
        crowded(small, "headless")
    routed = open_document(str(small)).override("policy", {"routing": {"policy": "aimless"}}).override("horizon", "3 d")
    with pytest.raises(PluginError, match=r"the plugin 'aimless' of leadtime-example .* AttributeError") as caught:
        replicate(prepare(routed), 0)
    assert "Traceback" in caught.value.details


def test_the_command_says_so_in_lines_and_keeps_the_traceback(small: Path, example: Path, tmp_path: Path) -> None:
    """Exit code 2, no traceback on the terminal, a file that holds it, and no run folder."""
    here = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{example}"}
    command = [sys.executable, "-m", "sim.cli", "run", str(small), "--set", "policy.queue.order=broken"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the plugin 'broken' of leadtime-example (leadtime_example:broken) raised ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr
    [kept] = tmp_path.glob("leadtime-failed-*.txt")
    assert "no rank for anybody" in kept.read_text(encoding="utf-8")
    assert not (tmp_path / "runs").exists()
