"""Errors of a scenario: all of them at once, each with file, line, key, what was found and what would do."""

from pathlib import Path

import pytest

from sim.scenario.document import parse_set
from sim.scenario.errors import InputError
from sim.scenario.loading import open_document, resolved_yaml, validate
from tests.conftest import SMALL

BROKEN = """\
# ?
name: broken
horizon: 90
warmup: 7 d
workloads:
  a: {kind: training, model: llama-3.1-8b, tokenz: 3M, tokens: 3M, arrivals: {rate: 4 GB}}
  b: {kind: dance, model: llama-3.1-8b}
providers:
  p:
    pools:
      x: {gpu: h100-sxm, nodes: -3, offer: {on-demand: 3.10}}
      y: {gpu: h100-sxm, nodes: 1, offer: {rented: 1 USD/GPU/h}}
policy: {queue: {order: lifo}}
"""

GOLDEN = """\
F:3:1: horizon: found 90, which has no unit; a duration takes one of ms, s, min, h, d, w, month, months, y, as in '90 d'
F:6:44: workloads.a.tokenz: is not a key here; did you mean 'tokens'?
F:6:79: workloads.a.arrivals.rate: found '4 GB', whose unit 'GB' does not fit; a rate takes one of /s, /min, /h, /d, /w, /month, /y, as in '40/d'
F:7:3: workloads.b: found 'dance'; one of merge, training, evaluation, trace would do, as in 'kind: training'
F:11:26: providers.p.pools.x.nodes: found -3; the number of nodes is a whole number, 0 or more
F:11:45: providers.p.pools.x.offer.on-demand: found 3.1, which has no unit; a price takes one of USD/GPU/h, USD/GPU/s, USD/GPU/d, USD/GPU/month, as in '2.49 USD/GPU/h'
F:13:18: policy.queue.order: found 'lifo'; did you mean 'fifo'?
"""  # noqa: E501  one line a problem, as printed


def problems(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        validate(open_document(str(path)))
    return [str(problem).replace(str(path), "F") for problem in caught.value.problems]


def test_every_problem_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    """The golden list: nothing missing, in the words a user reads."""
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    found = problems(path)
    for line in GOLDEN.splitlines():
        assert line in found
    assert any("an offer is exactly one of owned, reserved, block, on-demand, spot" in line and line.startswith("F:12:") for line in found)


NOT_IN_ORDER = """\
name: broken
horizon: 5
workloads:
  jobs: {kind: trace, format: tarball, path: jobs.csv}
providers:
  our: {pools: {base: {gpu: h100-sxm, nodes: -3, offer: {on-demand: 3.10}}}}
  cloud: {pools: {h100: {gpu: h100-sxm, nodes: 1, offer: {on-demand: 3.10 USD/GPU/h}}}}
policy: {routing: {prefer: [our, ours, cloud, clown], overflow-when: {expected-wait: 10 min}}}
study: {sweep: {providers.our.pools.base.nodes: [1, 2], providers.cloud.pools.h200.nodes: [0, 1]}}
"""


def test_rules_are_told_of_beside_what_cannot_be_read(tmp_path: Path) -> None:
    """In the order of the file, and only those that no mending of the rest would mend: ours is there, though it has no usable pool."""
    path = tmp_path / "broken.yaml"
    path.write_text(NOT_IN_ORDER, encoding="utf-8")
    found = [line.split("; ")[0] for line in problems(path)]
    assert found == [
        "F:2:1: horizon: found 5, which has no unit",
        "F:4:23: workloads.jobs.format: found 'tarball'",
        "F:6:39: providers.our.pools.base.nodes: found -3",
        "F:6:58: providers.our.pools.base.offer.on-demand: found 3.1, which has no unit",
        "F:8:34: policy.routing.prefer.1: found 'ours', which is no provider or provider.pool",
        "F:8:47: policy.routing.prefer.3: found 'clown', which is no provider or provider.pool",
        "F:9:57: study.sweep.providers.cloud.pools.h200.nodes: there is no 'h200' in providers.cloud.pools",
    ]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"workloads.tunes.deadline": "3 h", "policy.queue": {"order": "edf"}}, {"workloads.tunes.deadline": 3}),
        ({"replications": 2, "until": {"figure": "wait.mean", "within": "5%", "at-most": 3}}, {"replications": "two"}),
        ({"policy.preemption": {"policy": "priority"}, "workloads.tunes.priority": 2}, {"workloads.tunes.priority": "high"}),
        ({"providers.second.quotas": {"on-demand": 8}}, {"providers.second.pools.b.nodes": -1}),
        ({"workloads.tunes.tenant": "red", "policy.queue": {"order": "fair-share", "fair-share": {"weights": {"red": 2}}}},
         {"workloads.tunes.kind": "dance"}),
        ({"study": {"sweep": {"policy.routing.overflow-when.expected-wait": ["1 h", "2 h"]}}}, {"policy.routing.overflow-when": "late"}),
        ({}, {"providers.first": {"pools": {}}}),
        ({}, {"workloads": {"bad name!": {"kind": "trace", "format": "csv", "path": "jobs.csv"}}}),
    ],
)  # fmt: skip
def test_no_rule_is_broken_for_what_was_taken_out_alone(small: Path, right: dict[str, object], wrong: dict[str, object]) -> None:
    """One slip, one error: nothing is said of rules that hold once it is mended."""
    document = open_document(str(small))
    for key, value in right.items():
        document = document.override(key, value)
    validate(document)
    ((key, value),) = wrong.items()
    with pytest.raises(InputError) as caught:
        validate(document.override(key, value))
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: a\nname: b\n", "is written twice, first at F:1:1; keep one"),
        ("name: [a\n", "is not YAML"),
        ("- a\n", "holds no scenario"),
        ("name: !!python/object:os.system x\n", "plain data"),
        ("a0: &a0 x\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 7)), "expands to over"),
        ("extends: nowhere\n", "neither a file beside it nor a shipped scenario"),
        ("a: " + "[" * 60 + "]" * 60 + "\n", "nested over 32 deep"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """Duplicate keys, foreign tags, bombs and bad YAML end in one message."""
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    assert any(says in line for line in problems(path)), problems(path)


def test_folder_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    """Not a file, not there, not text."""
    (tmp_path / "bin.yaml").write_bytes(b"\xff\xfe\x00")
    assert "is a folder" in problems(tmp_path)[0]
    assert "no such file" in problems(tmp_path / "none.yaml")[0]
    assert "not UTF-8" in problems(tmp_path / "bin.yaml")[0]


def test_rules_across_keys(small: Path) -> None:
    """A preference for nobody, a warm-up as long as the horizon, no node anywhere."""
    document = open_document(str(small))
    cases = {
        "policy.routing.prefer": (["frist"], "did you mean 'first'?"),
        "warmup": ("12 d", "found 12 d, which leaves nothing of the horizon of 10 d to measure; a shorter one would do"),
        "horizon": (None, "has no end of its own"),
    }
    for key, (value, says) in cases.items():
        with pytest.raises(InputError, match=says.replace("?", r"\?")):
            validate(document.override(key, value))
    empty = document.override("providers.first.pools.a.nodes", 0).override("providers.second.pools.b.nodes", 0)
    with pytest.raises(InputError, match="no pool ever has a node"):
        validate(empty)


def test_set_goes_through_the_same_validation(small: Path) -> None:
    """``--set`` is an override like any other, and its errors say so."""
    key, value = parse_set("providers.first.pools.a.nodes=many")
    with pytest.raises(InputError, match=r"--set: providers\.first\.pools\.a\.nodes: found 'many'"):
        validate(open_document(str(small)).override(key, value))
    with pytest.raises(InputError, match="write KEY=VALUE"):
        parse_set("nodes 3")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("providers.secnd", r"there is no 'secnd' in providers; did you mean 'second'\?"),
        ("providers.first.pools.b", "there is no 'b' in providers.first.pools; known here: a"),
        ("providers.third.pools.b", "there is no 'third' in providers; known here: first, second"),
        ("workloads.evals", "there is no 'evals' in workloads; known here: merges, tunes"),
    ],
)
def test_taking_away_what_is_not_there_is_a_slip(small: Path, key: str, says: str) -> None:
    """A plan without the second provider that misspells it would be the plan with it, and nobody would know."""
    with pytest.raises(InputError, match=says):
        open_document(str(small)).override(key, None)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("providers.secnd.pools.b.nodes", r"providers\.secnd\.pools\.b\.nodes: there is no 'secnd' in providers; did you mean 'second'\?"),
        ("providers.first.pools.aa.nodes", r"there is no 'aa' in providers\.first\.pools; did you mean 'a'\?"),
        ("workloads.tune.gpus", r"there is no 'tune' in workloads; did you mean 'tunes'\?"),
    ],
)
def test_a_part_of_what_is_not_there_is_refused_with_the_near_name(small: Path, key: str, says: str) -> None:
    """It would make a new pool or workload that lacks all else, and the error would be about what it lacks."""
    with pytest.raises(InputError, match=f"^--set: .*{says}"):
        open_document(str(small)).override(key, 8)


def test_a_new_pool_is_set_as_a_whole(small: Path) -> None:
    document = open_document(str(small))
    pool = document.data["providers"]["first"]["pools"]["a"]
    grown = document.override("providers.first.pools.new", pool).override("providers.first.pools.new.nodes", 8)
    assert validate(grown).pools()["first", "new"].nodes == 8


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("workloads.tunes.kind", "trainning", "found 'trainning'; did you mean 'training'?"),
        ("workloads.tunes.kind", None, "has no kind; one of merge, training, evaluation, trace would do, as in 'kind: training'"),
        ("workloads.tunes", {"kind": "trace", "format": "cvs", "path": "jobs.csv"}, "found 'cvs'; did you mean 'csv'?"),
        ("workloads.merges.arrivals.batch", 0, "found 0; the number of jobs that arrive together is a whole number, 1 or more"),
    ],
)
def test_a_word_near_a_known_one_is_taken_for_it(small: Path, key: str, value: object, says: str) -> None:
    with pytest.raises(InputError) as caught:
        validate(open_document(str(small)).override(key, value))
    assert [problem.message for problem in caught.value.problems] == [says]


def test_taking_away_a_default_leaves_it(small: Path) -> None:
    document = open_document(str(small))
    assert validate(document.override("workloads.merges.deadline", None)) == validate(document)


def test_extends_and_resolution_round_trip(tmp_path: Path) -> None:
    """An extending file overrides keys, and the resolved YAML loads to the same scenario."""
    (tmp_path / "base.yaml").write_text(SMALL, encoding="utf-8")
    child = tmp_path / "child.yaml"
    child.write_text("extends: base.yaml\nname: child\nhorizon: 20 d\npolicy: null\n", encoding="utf-8")
    document = open_document(str(child))
    scenario = validate(document)
    assert (scenario.name, scenario.horizon, scenario.policy.routing.prefer) == ("child", 20 * 86400.0, ())
    assert document.question == "Does the queue clear?"
    again = tmp_path / "again.yaml"
    again.write_text(resolved_yaml(document), encoding="utf-8")
    assert validate(open_document(str(again))) == scenario


def test_extending_in_a_circle_is_refused(tmp_path: Path) -> None:
    """a extends b extends a."""
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n", encoding="utf-8")
    assert "extends itself" in problems(tmp_path / "a.yaml")[0]
