"""What a rolling update costs: the records that it leaves in the workload store's log."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.disruption import controller as disruption
from statefleet.endpoints import controller as endpoints
from statefleet.reconcile import statuses
from support.manifests import IMAGE, disruption_budget, service, stateful_set
from support.recorded import Write, pod_step, records, writes
from support.suite import INSTANT, ROOMY, running_suite

REPLICAS = 40
CREATED = ["created with its node", "running and ready"]
DELETED = ["marked deleted", "gone"]
PAUSES = {
    "StatefulSet": statuses.PAUSE_SECONDS,
    "PodDisruptionBudget": disruption.PAUSE_SECONDS,
    "Endpoints": endpoints.PAUSE_SECONDS,
    "EndpointSlice": endpoints.PAUSE_SECONDS,
}
"""How long what is written about many pods waits for more of them, in seconds; what is urgent goes in between."""


async def test_a_pod_costs_four_records_and_those_about_all_pods_are_merged(tmp_path: Path) -> None:
    with running_suite(tmp_path, *INSTANT, *ROOMY, "--nodes=10") as suite:
        kubectl = suite.kubectl()
        kubectl.apply(service(), disruption_budget(maxUnavailable=1), stateful_set(replicas=REPLICAS))
        kubectl("rollout status sts/web --timeout=20s")
        kubectl(f"set image sts/web app={IMAGE}:2")
        kubectl("rollout status sts/web --timeout=20s")
    recorded = await records(tmp_path / "workload-store.db")
    found = list(writes(recorded))
    assert steps_of_pods(found) == {f"web-{ordinal}": CREATED + DELETED + CREATED for ordinal in range(REPLICAS)}
    seconds = (recorded[-1].time_ns - recorded[0].time_ns) / 1e9
    others = Counter(write.kind for write in found if write.name.startswith("web"))
    for kind, pause in PAUSES.items():
        assert 2 <= others[kind] <= 6 + 2 * seconds / pause, kind


def steps_of_pods(found: list[Write]) -> dict[str, list[str]]:
    """Return what was done to each pod, by name."""
    pods: dict[str, Pod] = {}
    steps: dict[str, list[str]] = defaultdict(list)
    for write in found:
        if write.kind != "Pod":
            continue
        after = write.object.pod if write.object is not None else None
        steps[write.name].append(pod_step(pods.get(write.name), after))
        if after is None:
            del pods[write.name]
        else:
            pods[write.name] = after
    return steps
