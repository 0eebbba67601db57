"""Rules of admission: some job must be able to get in. Pure; all broken rules at once."""

from collections.abc import Iterator

from sim.scenario.errors import Broken
from sim.scenario.scenario import Scenario
from sim.scenario.units import format_duration


def broken_admission_rules(scenario: Scenario) -> Iterator[Broken]:
    limits = scenario.policy.admission.reject_when
    if limits is None:
        return
    path = ("policy", "admission", "reject-when")
    pools = scenario.pools().values()
    if limits.waiting_jobs is None and limits.expected_wait is None:
        yield path, "rejects nothing; give waiting-jobs or expected-wait a limit, as in {waiting-jobs: 50}, or leave it out"
    if limits.waiting_jobs == 0 and not any(pool.nodes or pool.deliveries for pool in pools):
        yield (
            (*path, "waiting-jobs"),
            "found 0, and every pool is elastic and grows only when jobs wait, so that none could ever start; allow 1 or more",
        )
    if limits.expected_wait is not None and all(pool.leased for pool in pools):
        fastest = min(pool.provisioning.mean for pool in pools)
        if fastest > limits.expected_wait:
            yield (
                (*path, "expected-wait"),
                f"found {format_duration(limits.expected_wait)}, and the fastest pool needs {format_duration(fastest)} to answer, "
                "so that none could ever start; allow at least that",
            )
