"""What kubectl says to users who are no administrators."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.kubectl import Kubectl
from support.manifests import stateful_set
from support.processes import STATEFLEET
from support.suite import Suite


@pytest.fixture
def user(shared_suite: Suite, kubectl: Kubectl, tmp_path: Path) -> Kubectl:
    """Return kubectl for a user who may only read, in the test's namespace."""
    return of_user(shared_suite, kubectl, tmp_path, "vera", "statefleet:viewers")


def of_user(suite: Suite, kubectl: Kubectl, directory: Path, name: str, *groups: str) -> Kubectl:
    path = directory / f"{name.rpartition(':')[2]}.kubeconfig"
    who = [f"--user={name}", *(f"--group={group}" for group in groups)]
    where = [f"--server={suite.url}", f"--certificates={suite.directory / 'certificates'}", f"--output={path}"]
    subprocess.run([STATEFLEET, "kubeconfig", *who, *where], check=True, capture_output=True)
    return Kubectl(path, kubectl.namespace)


def test_a_viewer_reads_and_is_refused_the_rest(kubectl: Kubectl, user: Kubectl) -> None:
    kubectl.apply(stateful_set())
    kubectl("create secret generic s --from-literal=a=b")
    assert "web" in user("get sts")
    assert "Name:" in user("describe sts web")
    namespace = kubectl.namespace
    assert user.fails("delete sts web") == (
        'Error from server (Forbidden): statefulsets.apps "web" is forbidden: User "vera" cannot delete resource '
        f'"statefulsets" in API group "apps" in the namespace "{namespace}"\n'
    )
    assert 'cannot patch resource "statefulsets/scale"' in user.fails("scale sts web --replicas=1")
    assert 'cannot patch resource "statefulsets"' in user.fails("rollout restart sts web")
    assert 'secrets is forbidden: User "vera" cannot list resource "secrets"' in user.fails("get secrets")
    assert 'secrets is forbidden: User "vera" cannot list' in user.fails("get secrets -A")
    assert 'cannot get resource "secrets"' in user.fails("get secret s")
    assert "cannot create" in user.fails("create configmap x")
    assert kubectl("get sts web -o jsonpath={.spec.replicas}") == "3"


CAN = [
    ("get pods", True),
    ("list statefulsets.apps", True),
    ("get pods --subresource=status", True),
    ("get secrets", False),
    ("delete pods", False),
    ("patch sts", False),
    ("* *", False),
    ("get /version", True),
    ("get /metrics", True),
]


@pytest.mark.surface("requests.can-i")
@pytest.mark.parametrize(("question", "can"), CAN)
def test_who_asks_is_told_the_truth(user: Kubectl, kubectl: Kubectl, question: str, can: bool) -> None:
    result = user.run(f"auth can-i {question}")
    assert (result.output.split()[0], result.code) == (("yes", 0) if can else ("no", 1))
    assert kubectl(f"auth can-i {question}").split()[0] == "yes"


def test_the_rules_are_listed(user: Kubectl, kubectl: Kubectl) -> None:
    listed = user("auth can-i --list")
    rows = {line.split()[0]: line for line in listed.splitlines() if line.strip()}
    assert "get list watch" in rows["pods"]
    assert "secrets" not in rows
    assert "*.*" in kubectl("auth can-i --list")


def test_an_administrator_taken_for_a_viewer_is_one(kubectl: Kubectl) -> None:
    kubectl.apply(stateful_set())
    assert "web" in kubectl("get sts --as=vera --as-group=statefleet:viewers")
    refused = kubectl.fails("delete sts web --as=vera --as-group=statefleet:viewers")
    assert 'User "vera" cannot delete' in refused
    assert 'User "nobody" cannot list' in kubectl.fails("get sts --as=nobody")


def test_a_node_sees_its_own_alone(shared_suite: Suite, kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl.apply(stateful_set())
    kubectl("rollout status sts/web --timeout=20s")
    pods = kubectl.pods()
    place = pods["web-0"]["spec"]["nodeName"]
    node = of_user(shared_suite, kubectl, tmp_path, f"system:node:{place}", "system:nodes")
    assert node("get pod web-0 -o name") == "pod/web-0\n"
    assert "pod/web-0\n" in node(f"get pods --field-selector=spec.nodeName={place} -o name")
    elsewhere = next(name for name in pods if pods[name]["spec"]["nodeName"] != place)
    assert "only its own nodes" in node.fails(f"get pod {elsewhere}")
    assert "only its own nodes" in node.fails("get pods")
    assert "only its own nodes" in node.fails("get nodes")
    assert node(f"auth can-i get nodes/{place}").split()[0] == "yes"
    assert node.run("auth can-i get pods").code == 1


def test_lists_of_an_agent_and_of_an_administrator_are_not_mixed_up(
    shared_suite: Suite, kubectl: Kubectl, tmp_path: Path
) -> None:
    def listed(who: Kubectl) -> list[str]:
        return [item["metadata"]["name"] for item in json.loads(who("get --raw /api/v1/nodes"))["items"]]

    agent = of_user(shared_suite, kubectl, tmp_path, "system:node:node-1*", "system:nodes")
    everything = listed(kubectl)
    assert len(everything) > 1
    assert listed(agent) == listed(agent) == ["node-1"]
    assert listed(kubectl) == everything
