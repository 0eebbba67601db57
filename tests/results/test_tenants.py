"""Whose jobs are whose: tenants named by a trace's rows or for all of it, and figures by tenant where they say what no workload's do."""

from pathlib import Path
from typing import Any

import pytest

from sim.scenario.document import Document
from sim.scenario.errors import InputError
from sim.study.preparation import prepare
from sim.study.replication import replicate

NAMED = "submit_s,gpus,duration_s,tenant\n0,8,3600,x\n0,8,3600,y\n"
UNNAMED = "submit_s,gpus,duration_s\n0,8,3600\n0,8,3600\n0,8,3600\n"
SWF = "; no user is known\n" + "".join(f"{job} 0 -1 3600 8 -1 -1 8 -1 -1 1 -1 -1 -1 -1 -1 -1 -1\n" for job in (1, 2))


def figures(folder: Path, work: dict[str, Any], **policy: Any) -> dict[str, float]:
    """Workloads by name, each a trace's text and words, on one node of eight GPUs."""
    workloads = {}
    for name, (text, words) in work.items():
        path = folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        workloads[name] = {"kind": "trace", "format": "swf" if text == SWF else "csv", "path": str(path), **words}
    pools = {"o": {"gpu": "h100-sxm", "nodes": 1, "offer": {"owned": "1 USD/GPU/h"}}}
    data = {"name": "tenants", "horizon": "30 h", "workloads": workloads, "providers": {"own": {"pools": pools}}, "policy": policy}
    return replicate(prepare(Document(data, "tenants.yaml", folder)), 0).figures


def tenants(found: dict[str, float]) -> dict[str, float]:
    """Jobs by tenant."""
    return {name.split(".")[1]: jobs for name, jobs in found.items() if name.startswith("tenant.") and name.endswith(".jobs")}


def test_a_workloads_tenant_has_its_share_of_a_trace_that_names_none(tmp_path: Path) -> None:
    """bob weighs a hundred times what alice does: after alice's first job, which is there first, all of bob's come before her others."""
    shares = {"order": "fair-share", "fair-share": {"weights": {"alice": 1, "bob": 100}}}
    work = {"wa": (UNNAMED, {"tenant": "alice"}), "wb": (UNNAMED, {"tenant": "bob"})}
    found = figures(tmp_path, work, queue=shares)
    assert [found[f"workload.{name}.wait.mean"] / 3600 for name in work] == [3.0, 2.0]
    by_name = figures(tmp_path, {name: (UNNAMED, {}) for name in work}, queue=shares | {"fair-share": {"weights": {"wa": 1, "wb": 100}}})
    assert [by_name[f"workload.{name}.wait.mean"] / 3600 for name in work] == [3.0, 2.0]


def test_a_tenant_beside_a_trace_that_names_its_own_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"workloads\.w\.tenant: found 'alice' beside a trace whose rows name their tenants, 'x' first"):
        figures(tmp_path, {"w": (NAMED, {"tenant": "alice"})})
    assert tenants(
        figures(tmp_path, {"w": (SWF, {"tenant": "alice"}), "v": (SWF, {"tenant": "alice"}), "u": (SWF, {"tenant": "bob"})})
    ) == {
        "alice": 4,
        "bob": 2,
    }


def test_figures_by_tenant_are_there_wherever_they_are_no_workloads(tmp_path: Path) -> None:
    """Two traces of the same two tenants; one tenant each; and a single one."""
    assert tenants(figures(tmp_path, {"w": (NAMED, {}), "v": (NAMED, {})})) == {"x": 2, "y": 2}
    assert tenants(figures(tmp_path, {"wa": (UNNAMED, {"tenant": "alice"}), "wb": (UNNAMED, {"tenant": "bob"})})) == {}
    assert tenants(figures(tmp_path, {"wa": (UNNAMED, {"tenant": "alice"}), "wb": (UNNAMED, {"tenant": "alice"})})) == {}
