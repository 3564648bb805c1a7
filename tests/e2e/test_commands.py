"""What stock kubectl does to objects of a running suite, and what it prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.kubectl import EXAMPLES, Kubectl, container, document, images, uids
from support.manifests import IMAGE, claim_template, disruption_budget, service, stateful_set
from support.processes import until


@pytest.fixture
def web(kubectl: Kubectl) -> Kubectl:
    """A set of three that is ready, with its service, budget and claims."""
    made = stateful_set(volumeClaimTemplates=[claim_template()])
    kubectl.apply(service(), disruption_budget(maxUnavailable=1), made)
    kubectl("rollout status sts/web")
    kubectl("wait pdb/web --for=jsonpath={.status.disruptionsAllowed}=1 --timeout=20s")
    return kubectl


@pytest.mark.surface("requests.set-image", "requests.label", "requests.annotate", "requests.scale")
def test_changes_and_what_is_said_of_them(web: Kubectl) -> None:
    assert web("scale sts web --replicas=4") == "statefulset.apps/web scaled\n"
    assert web(f"set image sts/web app={IMAGE}:2") == "statefulset.apps/web image updated\n"
    assert web("set env sts/web COLOUR=green") == "statefulset.apps/web env updated\n"
    assert web("label sts web tier=front") == "statefulset.apps/web labeled\n"
    assert web("annotate sts web note=x") == "statefulset.apps/web annotated\n"
    assert web("edit sts web", KUBE_EDITOR=f"sed -i s|{IMAGE}:2|{IMAGE}:3|") == "statefulset.apps/web edited\n"
    assert web("edit sts web", KUBE_EDITOR="true") == ""
    assert web.patch("sts web", {"spec": {"replicas": 2}}) == "statefulset.apps/web patched\n"
    web("rollout status sts/web")
    until(
        lambda: web.patch("sts web", {"spec": {"replicas": 2}}) == "statefulset.apps/web patched (no change)\n",
        "a patch that changes nothing of a set at rest",
    )
    until(lambda: images(web.pods()) == [f"{IMAGE}:3"] * 2, "two pods of the new image")
    found = web.json("sts web")["metadata"]
    assert (found["labels"], found["annotations"]["note"]) == ({"tier": "front"}, "x")
    assert web("label sts web tier-") == "statefulset.apps/web unlabeled\n"
    assert "not labeled" in web("label sts web tier-")


@pytest.mark.surface("requests.apply", "texts.already-exists")
def test_what_apply_says(kubectl: Kubectl) -> None:
    assert kubectl.apply(stateful_set(), service()) == "statefulset.apps/web created\nservice/web created\n"
    changed = stateful_set(tag="2")
    assert kubectl.apply(changed, service()) == "statefulset.apps/web configured\nservice/web unchanged\n"
    assert kubectl("apply --dry-run=server -f -", stdin=document(stateful_set("other"))) == (
        "statefulset.apps/other created (server dry run)\n"
    )
    assert kubectl("apply --dry-run=server -f -", stdin=document(stateful_set(tag="3"))) == (
        "statefulset.apps/web configured (server dry run)\n"
    )
    assert kubectl("get sts -o name") == "statefulset.apps/web\n"
    assert kubectl("get sts web -o jsonpath={.spec.template.spec.containers[0].image}") == f"{IMAGE}:2"
    listed = {"apiVersion": "v1", "kind": "List", "items": [stateful_set(tag="3"), service()]}
    assert kubectl.apply(listed) == "statefulset.apps/web configured\nservice/web unchanged\n"
    assert kubectl("replace -f -", stdin=document(service())) == "service/web replaced\n"
    refused = kubectl.fails("create -f -", stdin=document(changed))
    assert 'statefulsets.apps "web" already exists' in refused


@pytest.mark.surface("requests.apply")
def test_apply_keeps_what_others_set_and_takes_back_what_it_set(kubectl: Kubectl) -> None:
    first = stateful_set(replicas=0, minReadySeconds=7)
    first["metadata"]["labels"] = {"tier": "front", "team": "a"}
    kubectl.apply(first)
    kubectl("set env sts/web COLOUR=green")
    kubectl("annotate sts web note=x")
    second = stateful_set(replicas=0, tag="2")
    second["metadata"]["labels"] = {"team": "b"}
    kubectl.apply(second)
    found = kubectl.json("sts web")
    app = container(found["spec"]["template"])
    assert (app["image"], app["env"]) == (f"{IMAGE}:2", [{"name": "COLOUR", "value": "green"}])
    assert (found["metadata"]["labels"], found["metadata"]["annotations"]["note"]) == ({"team": "b"}, "x")
    assert "minReadySeconds" not in found["spec"]


@pytest.mark.surface("requests.set-image")
def test_set_image_changes_one_container_of_several(kubectl: Kubectl) -> None:
    made = stateful_set(replicas=1)
    made["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "side:1", "args": ["-v"]})
    kubectl.apply(made)
    kubectl("rollout status sts/web")
    kubectl("set image sts/web side=side:2")
    kubectl("rollout status sts/web")
    app, side = kubectl.pods()["web-0"]["spec"]["containers"]
    assert (app["name"], app["image"]) == ("app", f"{IMAGE}:1")
    assert (side["name"], side["image"], side["args"]) == ("side", "side:2", ["-v"])


@pytest.mark.surface("requests.diff")
def test_diff_shows_what_apply_would_change(kubectl: Kubectl) -> None:
    kubectl.apply(stateful_set(replicas=0))
    kubectl("rollout status sts/web")
    assert kubectl("diff -f -", stdin=document(stateful_set(replicas=0))) == ""
    result = kubectl.run("diff -f -", stdin=document(stateful_set(replicas=0, tag="2")))
    assert result.code == 1
    changed = [line for line in result.output.splitlines() if line.startswith(("+ ", "- "))]
    images_of = [" ".join(line.split()) for line in changed if "image" in line]
    assert images_of == [f"- - image: {IMAGE}:1", f"+ - image: {IMAGE}:2"]


@pytest.mark.surface("requests.delete-orphan", "revisions.adoption")
def test_orphans_are_adopted_by_a_set_made_anew(web: Kubectl) -> None:
    before, revision = uids(web.pods()), web("get controllerrevisions -o name")
    assert (
        web("delete sts web --cascade=orphan") == f'statefulset.apps "web" deleted from {web.namespace} namespace\n'
    )
    assert all("ownerReferences" not in pod["metadata"] for pod in web.pods().values())
    web.apply(stateful_set(volumeClaimTemplates=[claim_template()]))
    web("rollout status sts/web")
    assert uids(web.pods()) == before
    assert web("get controllerrevisions -o name") == revision
    owner = web.json("sts web")["metadata"]["uid"]
    assert all(pod["metadata"]["ownerReferences"][0]["uid"] == owner for pod in web.pods().values())


@pytest.mark.surface("S5.retention")
def test_claims_stay_or_go_as_the_set_says(kubectl: Kubectl) -> None:
    policy = {"whenDeleted": "Delete", "whenScaled": "Delete"}
    made = stateful_set(
        replicas=2, volumeClaimTemplates=[claim_template()], persistentVolumeClaimRetentionPolicy=policy
    )
    kubectl.apply(made)
    kubectl("rollout status sts/web")
    kubectl("scale sts web --replicas=1")
    kubectl("wait pvc/data-web-1 --for=delete --timeout=20s")
    assert kubectl("get pvc -o name") == "persistentvolumeclaim/data-web-0\n"
    kubectl("delete sts web")
    kubectl("wait pvc/data-web-0 --for=delete --timeout=20s")


@pytest.mark.surface("requests.delete-foreground", "requests.delete-waits")
def test_foreground_deletion_waits_for_the_pods(web: Kubectl) -> None:
    web("delete sts web --cascade=foreground")
    assert web("get pods,sts -o name") == ""


def test_what_is_waited_for(web: Kubectl) -> None:
    assert web("wait pod/web-0 --for=condition=Ready") == "pod/web-0 condition met\n"
    assert web("wait sts/web --for=jsonpath={.status.readyReplicas}=3") == "statefulset.apps/web condition met\n"
    refused = web.fails("wait pod/web-0 --for=condition=Never --timeout=1s")
    assert refused == "error: timed out waiting for the condition on pods/web-0\n"
    web("delete pod web-0 --wait=false")
    web("delete sts web --wait=false")
    web("wait pods --for=delete --all --timeout=20s")


@pytest.mark.surface("requests.get")
def test_tables(web: Kubectl) -> None:
    assert columns(web("get sts")) == [["NAME", "READY", "AGE"], ["web", "3/3", "*"]]
    assert columns(web("get sts -o wide")) == [
        ["NAME", "READY", "AGE", "CONTAINERS", "IMAGES"],
        ["web", "3/3", "*", "app", f"{IMAGE}:1"],
    ]
    assert columns(web("get pods"))[:2] == [
        ["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
        ["web-0", "1/1", "Running", "0", "*"],
    ]
    wide = columns(web("get pods -o wide"))[0]
    assert " ".join(wide[5:]) == "IP NODE NOMINATED NODE READINESS GATES"
    assert columns(web("get pdb"))[1] == ["web", "N/A", "1", "1", "*"]
    assert columns(web("get svc"))[1] == ["web", "ClusterIP", "None", "<none>", "80/TCP", "*"]
    assert [row[:2] for row in columns(web("get pvc"))[1:]] == [[f"data-web-{n}", "Bound"] for n in range(3)]
    assert columns(web("get controllerrevisions"))[1][1:3] == ["statefulset.apps/web", "1"]
    assert columns(web("get endpointslices"))[1][1:3] == ["IPv4", "80"]
    assert columns(web("get nodes"))[1][:3] == ["node-1", "Ready", "<none>"]
    assert web("get pods -l app=web --no-headers --show-labels").count("statefulset.kubernetes.io/pod-name=web-") == 3
    assert "web-0" in web("get all")


def columns(table: str) -> list[list[str]]:
    """Return the cells of a table, ages as an asterisk."""
    head, *rows = (line.split() for line in table.splitlines())
    for row in rows:
        age = head.index("AGE") if "AGE" in head[: len(row)] else -1
        row[age] = "*"
    return [head, *rows]


def test_other_outputs(web: Kubectl) -> None:
    assert web("get pods -o name").split() == ["pod/web-0", "pod/web-1", "pod/web-2"]
    assert web("get pods -o jsonpath={.items[*].metadata.name}") == "web-0 web-1 web-2"
    picked = web("get pods -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image").splitlines()
    assert picked[1].split() == ["web-0", f"{IMAGE}:1"]
    assert json.loads(web("get sts web -o json"))["kind"] == "StatefulSet"
    assert web("get sts web -o yaml").startswith("apiVersion: apps/v1\n")
    at = {name: tuple(map(int, pod["status"]["podIP"].split("."))) for name, pod in web.pods().items()}
    for order, names in (("spec.hostname", sorted(at)), ("status.podIP", sorted(at, key=lambda name: at[name]))):
        rows = web(f"get pods --sort-by=.{order}").splitlines()[1:]
        assert [row.split()[0] for row in rows] == names
    node = web.pods()["web-0"]["spec"]["nodeName"]
    assert "pod/web-0" in web(f"get pods --field-selector=spec.nodeName={node},status.phase=Running -o name")
    assert web("get pods --field-selector=status.phase=Failed -o name") == ""


DESCRIBED = {
    "sts web": [
        "Pod Management Policy: OrderedReady",
        "Replicas: 3 desired | 3 total",
        "Partition: 0",
        "Pods Status: 3 Running / 0 Waiting / 0 Succeeded / 0 Failed",
        "create Pod web-0 in StatefulSet web successful",
    ],
    "pod web-0": [
        "Controlled By: StatefulSet/web",
        "Ready: True",
        "ClaimName: data-web-0",
        "Successfully assigned {namespace}/web-0 to node-",
    ],
    "pvc data-web-0": ["Status: Bound", "Capacity: 1Gi", "Used By: web-0", "Successfully provisioned volume pvc-"],
    "pdb web": ["Max unavailable: 1", "Allowed disruptions: 1", "Current: 3", "Desired: 2", "Total: 3"],
    "svc web": ["IP: None", "Port: http 80/TCP"],
    "node node-1": ["Ready True", "Unschedulable: false", "Container Runtime Version: simulated://1"],
}


@pytest.fixture(scope="module")
def described(shared_suite: Any) -> Kubectl:
    kubectl: Kubectl = shared_suite.kubectl("described")
    kubectl("create namespace described")
    kubectl.apply(
        service(), disruption_budget(maxUnavailable=1), stateful_set(volumeClaimTemplates=[claim_template()])
    )
    kubectl("rollout status sts/web")
    return kubectl


@pytest.mark.surface("requests.describe", "S10.pods")
@pytest.mark.parametrize("what", DESCRIBED)
def test_describe(described: Kubectl, what: str) -> None:
    text = ""

    def complete() -> bool:
        nonlocal text
        text = " ".join(described(f"describe {what}").split())
        return all(line.format(namespace="described") in text for line in DESCRIBED[what])

    until(complete, what)
    assert "Events:" in text


@pytest.mark.surface("requests.events")
def test_events_are_listed_by_what_they_are_about(described: Kubectl) -> None:
    about = "get events --field-selector=involvedObject.kind=StatefulSet"
    until(lambda: described(f"{about} -o name"), "events")
    rows = columns(described(about))
    assert rows[0] == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert {tuple(row[1:4]) for row in rows[1:]} == {("Normal", "SuccessfulCreate", "statefulset/web")}
    assert "SuccessfulCreate" in described("events --for=sts/web")


@pytest.mark.surface("versions.served")
def test_what_there_is_and_what_it_means(kubectl: Kubectl) -> None:
    resources = {row.split()[0] for row in kubectl("api-resources --no-headers").splitlines()}
    assert {"pods", "statefulsets", "daemonsets", "controllerrevisions", "poddisruptionbudgets"} <= resources
    assert {"apps/v1", "policy/v1", "v1", "apps/v1beta1"} <= set(kubectl("api-versions").split())
    assert "FIELD: partition <integer>" in kubectl("explain sts.spec.updateStrategy.rollingUpdate.partition")
    assert "KIND:       StatefulSet" in kubectl("explain sts --recursive")
    assert "Server Version: v1." in kubectl("version")
    assert "is running at https://127.0.0.1:" in kubectl("cluster-info")


def with_container(**fields: Any) -> dict[str, Any]:
    made = stateful_set()
    made["spec"]["template"]["spec"]["containers"][0].update(fields)
    return made


BAD = {
    "negative replicas": (
        stateful_set(replicas=-1),
        'The StatefulSet "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ),
    "unknown field": (stateful_set(replicaz=3), 'strict decoding error: unknown field "spec.replicaz"'),
    "selector of others": (
        stateful_set(selector={"matchLabels": {"app": "other"}}),
        "`selector` does not match template `labels`",
    ),
    "no image": (with_container(image=""), "spec.template.spec.containers[0].image: Required value"),
    "bad quantity": (with_container(resources={"requests": {"cpu": "lots"}}), "quantities must match"),
    "wrong type": (stateful_set(replicas="three"), "cannot unmarshal string into Go struct field"),
    "bad name": ({**stateful_set(), "metadata": {"name": "Web!"}}, "metadata.name: Invalid value"),
    "maxUnavailable of nothing": (
        stateful_set(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}}),
        "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value",
    ),
    "unknown kind": (
        {"apiVersion": "apps/v1", "kind": "Nope", "metadata": {"name": "x"}},
        'no matches for kind "Nope"',
    ),
}


@pytest.mark.surface(
    "requests.apply-strict",
    "S2.zero",
    "texts.invalid-replicas",
    "texts.selector-mismatch",
    "texts.unknown-field-strict",
)
@pytest.mark.parametrize("case", BAD)
def test_a_bad_manifest_is_refused_with_the_reason(kubectl: Kubectl, case: str) -> None:
    manifest, reason = BAD[case]
    refused = kubectl.fails("apply -f -", stdin=document(manifest))
    assert reason in refused
    assert kubectl("get sts -o name") == ""


@pytest.mark.surface("S9.immutable", "texts.not-found", "texts.conflict")
def test_what_of_a_set_never_changes(kubectl: Kubectl) -> None:
    kubectl.apply(stateful_set())
    refused = kubectl.fails("apply -f -", stdin=document(stateful_set(podManagementPolicy="Parallel")))
    assert "spec: Forbidden: updates to statefulset spec for fields other than 'replicas'" in refused
    assert 'statefulsets.apps "nope" not found' in kubectl.fails("get sts nope")
    assert "the object has been modified" in kubectl.fails(
        "replace -f -", stdin=document({**stateful_set(), "metadata": {"name": "web", "resourceVersion": "1"}})
    )


@pytest.mark.surface("versions.old-defaults-selector", "versions.old-defaults-strategy", "versions.warning")
def test_old_versions_have_the_defaults_of_their_time(kubectl: Kubectl) -> None:
    result = kubectl.run(f"apply -f {EXAMPLES}/classic/kafka.yaml")
    assert result.code == 0
    assert "Warning: apps/v1beta1 StatefulSet is deprecated" in result.errors
    made = kubectl.json("sts kafka")
    assert made["apiVersion"] == "apps/v1"
    assert made["spec"]["selector"] == {"matchLabels": {"app": "kafka"}}
    old = stateful_set("old")
    old["apiVersion"] = "apps/v1beta1"
    kubectl.apply(old)
    assert kubectl("get sts old -o jsonpath={.spec.updateStrategy.type}") == "OnDelete"
