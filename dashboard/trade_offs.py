"""The page of what-ifs: change one pool, try it, and see cost against wait for everything tried."""

from typing import Any, get_args

import streamlit as st

from dashboard.running import run_button, running
from dashboard.showing import errors_shown, show_basis, show_comparison, show_rows
from dashboard.varying import choose_replications, field, one_line, scenarios_here
from sim.report.rows import Rows
from sim.results.summary import Summary
from sim.scenario.document import Document, parse_set
from sim.scenario.loading import open_document, validate
from sim.scenario.offers import OFFER_KEYS
from sim.scenario.scenario import Scenario
from sim.scenario.workloads import Precision
from sim.study.comparison import compare
from sim.study.preparation import prepare
from sim.study.run import run_name, run_plan

ASKED = {
    "reserved": ("term", "Term", "1 y"),
    "spot": ("reclaim", "Reclaim", {"mtbf": "18 h", "notice": "2 min"}),
    "block": ("windows", "Windows", [{"start": "0 d", "end": "14 d"}]),
}
"""What a kind of offer needs besides its price: the word, what the page calls it, and what stands there at first."""

AS_WRITTEN = "as written"
PLACE = "this plan"


def page() -> None:
    """Widgets of one pool, a button that tries the plan they say, and all plans tried so far."""
    st.header("Trade-offs")
    offered = scenarios_here()
    left, right = st.columns(2)
    name = left.selectbox("Scenario", offered, index=offered.index("second-source"), key="scenario", persist_state="session")
    tried: dict[str, tuple[str, Summary]] = st.session_state.setdefault(f"tried-{name}", {})
    with errors_shown():
        document = open_document(name).override("study", None)
        scenario = validate(document)
        pools = {".".join(key): key for key in scenario.pools()}
        pool = right.selectbox("Pool", list(pools), key=f"pool-{name}", persist_state="session")
        changes = _changes(document, scenario, pools[pool], key=f"{name}-{pool}")
        at, try_at, forget = st.columns([1, 1, 3], vertical_alignment="bottom")
        replications = choose_replications(at, "Replications", scenario, key=f"replications-{name}")
        if forget.button("Forget plans", key="forget"):
            tried.clear()
        with run_button(try_at, "Try this plan", key="try", ready=changes is not None) as trying:
            if trying and changes is not None:
                _try(document.override("replications", replications, place=PLACE), changes, tried)
    if not tried:
        st.info("No plan tried yet. Try the pool as it is written, then change something and try again.")
        return
    with errors_shown():
        cells = tuple((plan, change, str(summary.replications)) for plan, (change, summary) in tried.items())
        show_rows(Rows("Plans tried", ("plan", "what was changed", "replications"), cells))
        comparison = compare({plan: summary for plan, (_, summary) in tried.items()})
        show_comparison(comparison)
        show_basis(comparison.plans[comparison.base])


def _changes(document: Document, scenario: Scenario, pool: tuple[str, str], *, key: str) -> dict[str, Any] | None:
    """Overrides that differ from what is written, as the widgets say; None where one of them cannot be read."""
    path = "providers.{}.pools.{}".format(*pool)
    written = document.data["providers"][pool[0]]["pools"][pool[1]]
    kind_now = next(one for one in OFFER_KEYS if one in written["offer"])
    nodes_at, kind_at, price_at, more_at, precision_at = st.columns(5)
    nodes = nodes_at.number_input(
        "Nodes at the start", min_value=0, value=scenario.pools()[pool].nodes, step=1, key=f"nodes-{key}", persist_state="session"
    )
    kind = kind_at.selectbox("Offer", OFFER_KEYS, index=OFFER_KEYS.index(kind_now), key=f"kind-{key}", persist_state="session")
    with price_at:
        price = _field("Price", written["offer"][kind_now], key=f"price-{key}")
    offer = {one: value for one, value in written["offer"].items() if kind == kind_now} | {kind: price}
    if kind in ASKED:
        word, label, usual = ASKED[kind]
        given = written["offer"].get(word, usual) if kind == kind_now else usual
        with more_at:
            offer[word] = _field(label, given, key=f"{word}-{key}")
    precision = precision_at.selectbox(
        "Training precision", (AS_WRITTEN, *get_args(Precision)), key=f"precision-{key}", persist_state="session"
    )
    if None in offer.values():
        return None
    changes: dict[str, Any] = {}
    if nodes != scenario.pools()[pool].nodes:
        changes[f"{path}.nodes"] = int(nodes)
    if offer != written["offer"]:
        changes[f"{path}.offer"] = offer
    if precision != AS_WRITTEN:
        changes |= {f"workloads.{work}.precision": precision for work, one in scenario.workloads.items() if one.kind == "training"}
    return changes


def _try(document: Document, changes: dict[str, Any], tried: dict[str, tuple[str, Summary]]) -> None:
    """Run the plan and note it under the next number."""
    for key, value in changes.items():
        document = document.override(key, value, place=PLACE)
    with running("Running…", run_name(prepare(document))) as runner:
        summary = run_plan(document, runner=runner).summary
    change = "; ".join(f"{key} = {one_line(value)}" for key, value in changes.items()) or AS_WRITTEN
    tried[f"plan {len(tried) + 1}"] = (change, summary)


def _field(label: str, given: Any, *, key: str) -> Any:
    """A field that says a value as a scenario writes it; unchanged, it is the value given."""
    return field(label, one_line(given), lambda text: given if text == one_line(given) else parse_set(f"value={text}")[1], key=key)
