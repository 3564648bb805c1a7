"""What `kubectl top` shows of nodes and pods, today's and an old one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.debian import program
from support.kubectl import Kubectl
from support.manifests import USAGE, stateful_set
from support.processes import until
from support.suite import QUICK, ROOMY, Suite, running_suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running_suite(tmp_path_factory.mktemp("top"), *QUICK, *ROOMY, "--usage=0.5") as suite:
        yield suite


@pytest.fixture(scope="module")
def kubectl(suite: Suite) -> Kubectl:
    """A kubectl of a suite in which two sets run that have been measured: web, and idle in another namespace."""
    found = suite.kubectl()
    found("create namespace other")
    found.apply(of_two_containers("web"))
    other = suite.kubectl("other")
    other.apply(of_two_containers("idle", usage="0"))
    found("rollout status sts/web")
    other("rollout status sts/idle")
    until(lambda: len(rows(found, "top pods -A")) == 4, "what all pods use")
    return found


@pytest.fixture(params=["newest", "1.20"])
def any_kubectl(request: pytest.FixtureRequest, kubectl: Kubectl, suite: Suite) -> Kubectl:
    if request.param == "newest":
        return kubectl
    return Kubectl(suite.kubeconfig, program=str(program("kubernetes-client", "kubectl")))


def of_two_containers(name: str, usage: str = "") -> dict[str, object]:
    made = stateful_set(name, replicas=2)
    template = made["spec"]["template"]
    template["metadata"]["annotations"] = {USAGE: usage} if usage else {}
    (app,) = template["spec"]["containers"]
    app["resources"] = {"requests": {"cpu": "200m", "memory": "64Mi"}}
    beside = {"name": "beside", "image": app["image"], "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}}}
    template["spec"]["containers"].append(beside)
    return made


def rows(kubectl: Kubectl, command: str) -> list[list[str]]:
    """Return what a command prints, by line and column, without the heading."""
    result = kubectl.run(f"{command} --no-headers")
    return [line.split() for line in result.output.splitlines()]


@pytest.mark.surface("metrics.top")
def test_nodes_use_what_their_pods_use(any_kubectl: Kubectl) -> None:
    found = {row[0]: row for row in rows(any_kubectl, "top nodes")}
    assert sorted(found) == ["node-1", "node-2", "node-3"]
    assert sum(int(row[1].removesuffix("m")) for row in found.values()) == 250
    assert sum(int(row[3].removesuffix("Mi")) for row in found.values()) == 96
    assert rows(any_kubectl, "top node node-1") == [found["node-1"]]
    assert rows(any_kubectl, "top nodes -l kubernetes.io/hostname=node-2") == [found["node-2"]]


@pytest.mark.surface("metrics.top")
def test_pods_and_their_containers(any_kubectl: Kubectl) -> None:
    web = [["web-0", "125m", "48Mi"], ["web-1", "125m", "48Mi"]]
    assert rows(any_kubectl, "top pods") == web
    assert rows(any_kubectl, "top pod web-1") == web[1:]
    assert rows(any_kubectl, "top pods -l statefulset.kubernetes.io/pod-name=web-0") == web[:1]
    assert rows(any_kubectl, "top pods -A --sort-by=cpu")[2:] == [
        ["other", "idle-0", "0m", "0Mi"],
        ["other", "idle-1", "0m", "0Mi"],
    ]
    assert rows(any_kubectl, "top pods -A --containers") == [
        ["default", "web-0", "app", "100m", "32Mi"],
        ["default", "web-0", "beside", "25m", "16Mi"],
        ["default", "web-1", "app", "100m", "32Mi"],
        ["default", "web-1", "beside", "25m", "16Mi"],
        ["other", "idle-0", "app", "0m", "0Mi"],
        ["other", "idle-0", "beside", "0m", "0Mi"],
        ["other", "idle-1", "app", "0m", "0Mi"],
        ["other", "idle-1", "beside", "0m", "0Mi"],
    ]


def test_what_today_s_kubectl_adds(kubectl: Kubectl) -> None:
    assert rows(kubectl, "top pods --sum")[-1] == ["250m", "96Mi"]
    assert rows(kubectl, "top pods --field-selector=metadata.name=web-1") == [["web-1", "125m", "48Mi"]]
    place = kubectl.pods()["web-0"]["spec"]["nodeName"]
    assert ["web-0", "125m", "48Mi"] in rows(kubectl, f"top pods --field-selector=spec.nodeName={place}")


def test_what_is_not_there(any_kubectl: Kubectl) -> None:
    assert any_kubectl.fails("top pod nosuch") == 'Error from server (NotFound): pods "nosuch" not found\n'
    assert any_kubectl.fails("top node nosuch") == 'Error from server (NotFound): nodes "nosuch" not found\n'
    assert any_kubectl.run("top pods -l app=none").errors == "No resources found in default namespace.\n"


def test_metrics_are_objects_too(kubectl: Kubectl) -> None:
    heading, row = kubectl("get pods.metrics.k8s.io web-0").splitlines()
    assert (heading.split(), row.split()[:3]) == (["NAME", "CPU", "MEMORY", "WINDOW"], ["web-0", "125m", "48Mi"])
    assert kubectl("get nodes.metrics.k8s.io -o name").split()[0] == "nodemetrics.metrics.k8s.io/node-1"
    assert kubectl("get pods,nodes -o name").split()[0] == "pod/web-0"
    assert kubectl("auth can-i list pods.metrics.k8s.io") == "yes\n"
    viewer = "--as=vera --as-group=statefleet:viewers"
    assert kubectl(f"auth can-i list pods.metrics.k8s.io {viewer}") == "yes\n"
    assert kubectl.run("auth can-i list pods.metrics.k8s.io --as=bob").output == "no\n"
    assert rows(kubectl, f"top pods {viewer}") == rows(kubectl, "top pods")
    refused = kubectl.fails("top pods --as=bob")
    assert 'User "bob" cannot list resource "pods" in API group "metrics.k8s.io"' in refused


def test_a_pod_that_was_deleted_is_not_shown(kubectl: Kubectl) -> None:
    kubectl.apply(of_two_containers("brief"))
    kubectl("rollout status sts/brief")
    until(lambda: len(rows(kubectl, "top pods -l app=brief")) == 2, "what the pods use")
    kubectl("scale sts/brief --replicas=1")
    kubectl("wait pod/brief-1 --for=delete --timeout=20s")
    assert rows(kubectl, "top pods -l app=brief") == [["brief-0", "125m", "48Mi"]]
    assert 'pods "brief-1" not found' in kubectl.fails("top pod brief-1")
