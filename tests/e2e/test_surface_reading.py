"""What kubectl shows of a running suite: every kind described, watched, paged and selected."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.kubectl import Kubectl
from support.manifests import claim_template, disruption_budget, service, stateful_set
from support.processes import until
from support.suite import Suite

SET = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "each"},
    "spec": {
        "selector": {"matchLabels": {"app": "each"}},
        "template": {
            "metadata": {"labels": {"app": "each"}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "app", "image": "each:1"}]},
        },
    },
}


@pytest.fixture(scope="module")
def kubectl(shared_suite: Suite) -> Iterator[Kubectl]:
    """One of everything, in a namespace."""
    found = shared_suite.kubectl("shown")
    found("create namespace shown")
    found("create configmap settings --from-literal=colour=green")
    found("create secret generic door --from-literal=key=1234")
    made = stateful_set(replicas=2, volumeClaimTemplates=[claim_template()])
    found.apply(service(), disruption_budget(maxUnavailable=1), made, SET)
    found("rollout status sts/web")
    found("rollout status ds/each")
    yield found
    found("delete namespace shown --wait=false")


DESCRIBED = {
    "ds each": ["Desired Number of Nodes Scheduled: 3", "Pods Status: 3 Running / 0 Waiting", "Created pod: each-"],
    "endpoints web": ["NotReadyAddresses: <none>", "http 80 TCP"],
    "endpointslice -l kubernetes.io/service-name=web": ["AddressType: IPv4", "TargetRef: Pod/web-0", "Ready: true"],
    "pv": ["Status: Bound", "Claim: shown/data-web-0", "Type: LocalVolume", "kubernetes.io/hostname in [node-"],
    "ns shown": ["Name: shown", "Status: Active"],
    "cm settings": ["colour: ---- green"],
    "secret door": ["Type: Opaque", "key: 4 bytes"],
    "sa default": ["Name: default", "Image pull secrets: <none>"],
    "sc local": ["IsDefaultClass: Yes", "VolumeBindingMode: WaitForFirstConsumer"],
    "controllerrevision -l app=web": ["Kind: ControllerRevision", "Revision: 1", "Name: web"],
    "event": ["Involved Object: API Version: ", "Reason: SuccessfulCreate", "Component: statefulset-controller"],
}


@pytest.mark.surface("requests.describe")
@pytest.mark.parametrize("what", DESCRIBED)
def test_every_kind_is_described(kubectl: Kubectl, what: str) -> None:
    text = ""

    def complete() -> bool:
        nonlocal text
        text = " ".join(kubectl(f"describe {what}").split())
        return all(part in text for part in DESCRIBED[what])

    until(complete, what)


HEADINGS = [
    pytest.param("sts", "NAME READY AGE", "CONTAINERS IMAGES", marks=pytest.mark.surface("columns.statefulset")),
    pytest.param(
        "ds",
        "NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE",
        "CONTAINERS IMAGES SELECTOR",
        marks=pytest.mark.surface("columns.daemonset"),
    ),
    pytest.param(
        "pods",
        "NAME READY STATUS RESTARTS AGE",
        "IP NODE NOMINATED NODE READINESS GATES",
        marks=pytest.mark.surface("columns.pod"),
    ),
    pytest.param(
        "pvc",
        "NAME STATUS VOLUME CAPACITY ACCESS MODES STORAGECLASS VOLUMEATTRIBUTESCLASS AGE",
        "VOLUMEMODE",
        marks=pytest.mark.surface("columns.pvc"),
    ),
    pytest.param(
        "pv",
        "NAME CAPACITY ACCESS MODES RECLAIM POLICY STATUS CLAIM STORAGECLASS VOLUMEATTRIBUTESCLASS REASON AGE",
        "VOLUMEMODE",
        marks=pytest.mark.surface("columns.pv"),
    ),
    pytest.param(
        "pdb",
        "NAME MIN AVAILABLE MAX UNAVAILABLE ALLOWED DISRUPTIONS AGE",
        "",
        marks=pytest.mark.surface("columns.pdb"),
    ),
    pytest.param(
        "svc",
        "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE",
        "SELECTOR",
        marks=pytest.mark.surface("columns.service"),
    ),
    pytest.param(
        "nodes",
        "NAME STATUS ROLES AGE VERSION",
        "INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME",
        marks=pytest.mark.surface("columns.node"),
    ),
    pytest.param(
        "controllerrevisions",
        "NAME CONTROLLER REVISION AGE",
        "",
        marks=pytest.mark.surface("columns.controllerrevision"),
    ),
]


@pytest.mark.parametrize(("what", "shown", "wide"), HEADINGS)
def test_headings_are_those_of_kubernetes(kubectl: Kubectl, what: str, shown: str, wide: str) -> None:
    assert heading(kubectl(f"get {what}")) == shown
    assert heading(kubectl(f"get {what} -o wide")) == f"{shown} {wide}".strip()


@pytest.mark.surface("columns.event")
def test_wide_headings_of_events_stand_between_the_others(kubectl: Kubectl) -> None:
    assert heading(kubectl("get events")) == "LAST SEEN TYPE REASON OBJECT MESSAGE"
    assert heading(kubectl("get events -o wide")) == (
        "LAST SEEN TYPE REASON OBJECT SUBOBJECT SOURCE MESSAGE FIRST SEEN COUNT NAME"
    )


def heading(table: str) -> str:
    """Return the first line of a table, its columns one space apart."""
    return " ".join(table.splitlines()[0].split())


@pytest.mark.surface("requests.get-all")
def test_all_stands_in_the_order_of_kubernetes(kubectl: Kubectl) -> None:
    kinds = [name.partition("/")[0] for name in kubectl("get all -o name").split()]
    assert list(dict.fromkeys(kinds)) == ["pod", "service", "daemonset.apps", "statefulset.apps"]


def test_events_are_told_and_followed(kubectl: Kubectl) -> None:
    told = kubectl("events --for=pod/web-0 --types=Normal")
    assert "Successfully assigned shown/web-0 to node-" in told
    rows = kubectl("get events --field-selector=involvedObject.name=web-0,reason=Scheduled --no-headers")
    assert rows.split()[1:4] == ["Normal", "Scheduled", "pod/web-0"]
    with kubectl.follow("get events --watch --output-watch-events") as followed:
        followed.until("ADDED .*statefulset/web +create Pod web-1 in StatefulSet web successful")
    with kubectl.follow("events --watch --for=sts/web") as followed:
        followed.until("SuccessfulCreate +StatefulSet/web +create Pod web-1")


@pytest.mark.surface("requests.get-watch")
def test_changes_are_followed_as_rows_or_objects(kubectl: Kubectl) -> None:
    rows, objects = "get cm -w --output-watch-events", "get cm -w -o custom-columns=NAME:.metadata.name"
    with kubectl.follow(rows) as told, kubectl.follow(objects) as named:
        told.until("ADDED +settings")
        named.until("^settings$")
        kubectl("create cm passing")
        kubectl("label cm passing seen=yes")
        kubectl("delete cm passing")
        told.until("DELETED +passing")
        named.heard.until(lambda lines: lines.count("passing") == 3, "change of passing, thrice")
        stages = [line.split()[0] for line in told.heard.lines if " passing " in line]
        assert stages == ["ADDED", "MODIFIED", "DELETED"]


@pytest.mark.surface("requests.limit-continue")
def test_a_list_in_pages_is_of_one_moment(kubectl: Kubectl) -> None:
    kubectl.apply(*({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"page-{n}"}} for n in range(9)))
    url = "/api/v1/namespaces/shown/configmaps"
    found: list[str] = []
    following = ""
    versions = set()
    while True:
        page = json.loads(kubectl(f"get --raw {url}?limit=3&continue={following}"))
        assert len(page["items"]) <= 3
        found += [item["metadata"]["name"] for item in page["items"]]
        versions.add(page["metadata"]["resourceVersion"])
        following = page["metadata"].get("continue", "")
        if not following:
            break
        kubectl(f"create cm between-{len(found)}")
        kubectl(f"delete cm page-{9 - len(found)} --ignore-not-found")
    assert found == [*(f"page-{n}" for n in range(9)), "settings"]
    assert len(versions) == 1
    names = kubectl("get cm --chunk-size=2 -o name").split()
    assert len(names) == len(set(names))


SELECTED = {
    "pods --field-selector=metadata.name=web-0": "pod/web-0",
    "pods --field-selector=status.phase!=Running": "",
    "svc --field-selector=spec.clusterIP=None": "service/web",
    "secrets --field-selector=type=Opaque": "secret/door",
    "ns --field-selector=metadata.name=shown,status.phase=Active": "namespace/shown",
    "nodes --field-selector=spec.unschedulable=true": "",
    "pods -l app=web,statefulset.kubernetes.io/pod-name!=web-1": "pod/web-0",
    "sts -l !nothing": "statefulset.apps/web",
}


@pytest.mark.parametrize("what", SELECTED)
def test_fields_and_labels_select(kubectl: Kubectl, what: str) -> None:
    assert kubectl(f"get {what} -o name").strip() == SELECTED[what]


REFUSED = {
    "pods --field-selector=spec.bogus=1": "field label not supported: spec.bogus",
    "sts --field-selector=spec.replicas=1": "field label not supported for appsv1.StatefulSet: spec.replicas",
    "events --field-selector=bogus=1": "field label not supported: bogus",
    "pods --field-selector=bogus": "invalid selector: 'bogus'",
    "pods --selector='app in web'": "unable to parse requirement: found 'web' expected: '('",
}


@pytest.mark.parametrize("what", REFUSED)
def test_selectors_that_mean_nothing_are_refused(kubectl: Kubectl, what: str) -> None:
    assert REFUSED[what] in kubectl.fails(f"get {what}")


def test_who_one_is_and_what_one_may(kubectl: Kubectl) -> None:
    assert "system:masters system:authenticated" in kubectl("auth whoami")
    assert "[dev system:authenticated]" in kubectl("auth whoami --as=ann --as-group=dev")
    assert kubectl("auth can-i create pods/eviction") == "yes\n"
    assert "*.*" in kubectl("auth can-i --list")


def test_what_is_explained(kubectl: Kubectl) -> None:
    assert "templateGeneration\t<integer>" in kubectl("explain ds.spec --api-version=extensions/v1beta1")
    assert "selector\t<LabelSelector> -required-" in kubectl("explain sts.spec")
    assert "whenScaled\t<string>" in kubectl("explain sts --recursive")
    assert "RESOURCE: updateStrategy" in kubectl("explain sts.spec.updateStrategy --output=plaintext-openapiv2")
    assert 'field "bogus" does not exist' in kubectl.fails("explain sts.spec.bogus")


def test_where_one_begins_without_documentation(kubectl: Kubectl) -> None:
    assert "/apis/apps/v1" in json.loads(kubectl("get --raw /"))["paths"]
    assert kubectl("get --raw /readyz?verbose").endswith("readyz check passed\n")
    assert json.loads(kubectl("version -o json"))["serverVersion"]["minor"] == "37"
    assert "the server could not find the requested resource" in kubectl.fails("get --raw /apis/apps/v1/deployments")
    assert 'the server doesn\'t have a resource type "deploy"' in kubectl.fails("get deploy")


UNSERVED = {
    "logs web-0": "pods/log is not served",
    "exec web-0 -- ls": "pods/exec is not served",
    "attach web-0": "pods/attach is not served",
    "run one -i --rm --image=one:1 --restart=Never": "pods/attach is not served",
    "port-forward web-0 8080:80": "pods/portforward is not served",
    "cp web-0:/etc/passwd passwd": "pods/exec is not served",
    "debug web-0 --image=busybox": "pods/ephemeralcontainers is not served",
    "create token default": "serviceaccounts/token is not served",
    "get --raw /api/v1/nodes/node-1/proxy/metrics": "nodes/proxy is not served",
}


@pytest.mark.parametrize("command", UNSERVED)
def test_what_is_not_served_is_refused_in_plain_words(kubectl: Kubectl, command: str) -> None:
    assert UNSERVED[command] in kubectl.fails(command)
