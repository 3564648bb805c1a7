"""Nodes: where pods go, and how they are made to leave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.kubectl import Kubectl, is_unschedulable, uids
from support.manifests import disruption_budget, one_a_node, stateful_set
from support.rolling import is_ready
from support.suite import QUICK, Suite, running_suite

NODES = ["node-1", "node-2", "node-3"]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running_suite(tmp_path_factory.mktemp("nodes"), *QUICK) as suite:
        yield suite


@pytest.fixture
def kubectl(suite: Suite) -> Iterator[Kubectl]:
    """A kubectl of a suite of three nodes that nothing runs on but a set of three pods, one a node."""
    found = suite.kubectl()
    made = stateful_set()
    made["spec"]["template"]["spec"]["affinity"] = one_a_node()
    found.apply(made)
    found("rollout status sts/web")
    yield found
    for node in NODES:
        found(f"uncordon {node}")
    found("delete sts,pdb --all")
    found("wait pods --for=delete --all --timeout=20s")


def places(kubectl: Kubectl) -> dict[str, str]:
    return {name: pod["spec"].get("nodeName", "") for name, pod in kubectl.pods().items()}


def pod_on(kubectl: Kubectl, node: str) -> str:
    return next(name for name, place in places(kubectl).items() if place == node)


def test_pods_that_must_not_meet_have_a_node_each(kubectl: Kubectl) -> None:
    assert sorted(places(kubectl).values()) == NODES
    kubectl("scale sts web --replicas=4")
    (condition,) = kubectl.until_pod("web-3", is_unschedulable)["status"]["conditions"]
    assert condition["reason"] == "Unschedulable"
    assert condition["message"].startswith("0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules")


@pytest.mark.surface("requests.cordon")
def test_cordon_keeps_new_pods_away(kubectl: Kubectl) -> None:
    assert kubectl("cordon node-2") == "node/node-2 cordoned\n"
    assert kubectl("cordon node-2") == "node/node-2 already cordoned\n"
    assert "Ready,SchedulingDisabled" in kubectl("get node node-2")
    pod = pod_on(kubectl, "node-2")
    kubectl(f"delete pod {pod}")
    kubectl.until_pod(pod, is_unschedulable)
    assert kubectl("uncordon node-2") == "node/node-2 uncordoned\n"
    kubectl.until_pod(pod, is_ready)
    assert places(kubectl)[pod] == "node-2"


@pytest.mark.surface("requests.drain", "traps.discovery-eviction", "texts.eviction-blocked")
def test_drain_evicts_as_far_as_the_budget_allows(kubectl: Kubectl) -> None:
    kubectl.apply(disruption_budget(maxUnavailable=1))
    kubectl("wait pdb/web --for=jsonpath={.status.disruptionsAllowed}=1 --timeout=20s")
    first, second = pod_on(kubectl, "node-1"), pod_on(kubectl, "node-2")
    before = uids(kubectl.pods())
    drained = kubectl("drain node-1 --timeout=20s").splitlines()
    assert drained == [
        "node/node-1 cordoned",
        f"evicting pod default/{first}",
        f"pod/{first} evicted",
        "node/node-1 drained",
    ]
    result = kubectl.run("drain node-2 --timeout=2s")
    assert result.code == 1
    blocked = "(will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget."
    assert blocked in result.errors
    assert uids(kubectl.pods())[second] == before[second]
    kubectl("uncordon node-1")
    kubectl.until_pod(first, is_ready)
    assert f"pod/{second} evicted" in kubectl("drain node-2 --timeout=20s")


def test_a_taint_that_pods_do_not_tolerate_makes_them_leave(kubectl: Kubectl) -> None:
    pod = pod_on(kubectl, "node-3")
    before = uids(kubectl.pods())
    assert kubectl("taint node node-3 repair=now:NoExecute") == "node/node-3 tainted\n"
    kubectl.until_pod(pod, is_unschedulable)
    assert kubectl("taint node node-3 repair-") == "node/node-3 untainted\n"
    kubectl.until_pod(pod, is_ready)
    assert {name for name, uid in uids(kubectl.pods()).items() if uid == before[name]} == set(before) - {pod}
