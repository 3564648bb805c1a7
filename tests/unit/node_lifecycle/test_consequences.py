"""What a node's conditions mean for its taints and pods."""

from collections.abc import Callable

import pytest

from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.node_lifecycle.consequences import (
    bereft,
    dated,
    evict_at,
    evicted,
    is_failed,
    is_out_of_service,
    needs_attention,
    not_ready,
    wanted_taints,
)
from statefleet.objects.pods import is_ready
from statefleet.objects.times import seconds
from support.objects import a_node, a_pod, running
from support.scheduling import make_taint, tolerate

NOW = 1000.0
PREFIX = "node.kubernetes.io/"


def node_with(ready: str = "True", *, cordoned: bool = False, taints=(), **conditions: str):
    node = a_node()
    if ready:
        node.status.conditions.add(type="Ready", status=ready)
    for kind, status in conditions.items():
        node.status.conditions.add(type=kind, status=status)
    if cordoned:
        node.spec.unschedulable = True
    node.spec.taints.extend(map(make_taint, taints))
    return node


def names(taints) -> set[str]:
    return {f"{taint.key.removeprefix(PREFIX)}:{taint.effect}" for taint in taints}


@pytest.mark.parametrize(
    ("node", "wanted"),
    [
        (node_with(), set()),
        (node_with("False"), {"not-ready:NoSchedule", "not-ready:NoExecute"}),
        (node_with("Unknown"), {"unreachable:NoSchedule", "unreachable:NoExecute"}),
        (node_with(""), {"not-ready:NoSchedule"}),
        (node_with(cordoned=True), {"unschedulable:NoSchedule"}),
        (node_with(MemoryPressure="True", DiskPressure="False"), {"memory-pressure:NoSchedule"}),
        (node_with(PIDPressure="True"), {"pid-pressure:NoSchedule"}),
        (node_with("Unknown", MemoryPressure="Unknown"), {"unreachable:NoSchedule", "unreachable:NoExecute"}),
        (node_with(taints=["mine=x:NoSchedule"]), {"mine:NoSchedule"}),
        (node_with(taints=[PREFIX + "unreachable=:NoExecute", PREFIX + "unschedulable=:NoSchedule"]), set()),
        (node_with(taints=[PREFIX + "out-of-service=:NoExecute"]), {"out-of-service:NoExecute"}),
    ],
)
def test_the_taints_of_a_node(node, wanted):
    assert names(wanted_taints(node, NOW)) == wanted


def test_taints_keep_the_time_they_were_added():
    node = node_with("Unknown")
    node.spec.taints.extend(wanted_taints(node, NOW))
    later = wanted_taints(node, NOW + 50)
    assert later == list(node.spec.taints)
    assert {taint.time_added.seconds for taint in later} == {int(NOW)}


def tainted(*texts: str, at: float = NOW - 100):
    taints = [make_taint(text) for text in texts]
    for taint in taints:
        taint.time_added.seconds = int(at)
    return taints


def tolerating(*seconds: float | None):
    """A pod that tolerates the taints a, b, ... for so long, None for ever."""
    pod = a_pod()
    for key, limit in zip("abc", seconds, strict=False):
        tolerate(pod, key, "Exists")
        if limit is not None:
            pod.spec.tolerations[-1].toleration_seconds = int(limit)
    return pod


@pytest.mark.parametrize(
    ("pod", "taints", "due"),
    [
        (tolerating(), [], None),
        (tolerating(), tainted("a=:NoSchedule"), None),
        (tolerating(), tainted("a=:NoExecute"), NOW),
        (tolerating(300), tainted("a=:NoExecute"), NOW + 200),
        (tolerating(None), tainted("a=:NoExecute"), None),
        (tolerating(0), tainted("a=:NoExecute"), NOW - 100),
        (tolerating(-5), tainted("a=:NoExecute"), NOW - 100),
        (tolerating(300, 150), tainted("a=:NoExecute", "b=:NoExecute"), NOW + 50),
        (tolerating(300), tainted("a=:NoExecute", "b=:NoExecute"), NOW),
        (tolerating(None, 150), tainted("a=:NoExecute", "b=:NoExecute"), NOW + 50),
    ],
)
def test_when_a_pod_must_leave(pod, taints, due):
    assert evict_at(pod, taints, NOW) == due


def test_a_taint_without_a_time_counts_from_when_it_was_first_seen():
    bare, other = make_taint("a=:NoExecute"), make_taint("a=other:NoExecute")
    first = dated([bare], [], NOW)
    assert evict_at(tolerating(30), first, NOW) == NOW + 30
    later = dated([bare], first, NOW + 20)
    assert evict_at(tolerating(30), later, NOW + 20) == NOW + 30
    assert evict_at(tolerating(30), dated([other], later, NOW + 20), NOW + 20) == NOW + 50
    assert dated(tainted("a=:NoExecute"), first, NOW) == tainted("a=:NoExecute")


def test_only_a_node_that_is_not_ready_is_taken_to_be_out_of_service():
    taints = [PREFIX + "out-of-service=nodeshutdown:NoExecute"]
    assert is_out_of_service(node_with("Unknown", taints=taints))
    assert not is_out_of_service(node_with("True", taints=taints))
    assert not is_out_of_service(node_with("Unknown"))


@pytest.mark.parametrize(
    ("node", "failed", "attention"),
    [
        (node_with(), False, False),
        (node_with(""), False, True),
        (node_with("Unknown"), True, True),
        (node_with("False"), True, True),
        (node_with(taints=["k=:NoSchedule"]), False, False),
        (node_with(taints=["k=:NoExecute"]), False, True),
    ],
)
def test_which_nodes_need_attention(node, failed, attention):
    assert (is_failed(node), needs_attention(node)) == (failed, attention)


def test_a_pod_of_a_lost_node_is_not_ready_and_keeps_the_rest_of_its_status():
    pod = running(a_pod())
    pod.status.conditions.add(type="PodScheduled", status="True")
    changed = {each.type: each for each in not_ready(pod, NOW).status.conditions}
    assert (changed["Ready"].status, changed["PodScheduled"].status) == ("False", "True")
    assert changed["Ready"].last_transition_time.seconds == int(NOW)
    assert is_ready(pod)


@pytest.mark.parametrize(
    ("tell", "phase", "reason", "message"),
    [
        (evicted, "Running", "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"),
        (bereft, "Failed", "DeletionByPodGC", "PodGC: node no longer exists"),
    ],
)
def test_a_pod_says_why_it_is_going_to_be_deleted(
    tell: Callable[[Pod, float], Pod], phase: str, reason: str, message: str
) -> None:
    before = a_pod("web")
    before.status.phase = "Running"
    before.status.conditions.add(type="DisruptionTarget", status="False")
    after = tell(before, NOW)
    (target,) = after.status.conditions
    assert (after.status.phase, target.status, target.reason, target.message) == (phase, "True", reason, message)
    assert seconds(target.last_transition_time) == NOW
    assert tell(after, NOW + 60) == after
    assert before.status.phase == "Running"


def test_a_pod_that_has_ended_before_its_node_is_gone_has_not_failed() -> None:
    done = a_pod("web")
    done.status.phase = "Succeeded"
    assert bereft(done, NOW).status.phase == "Succeeded"
