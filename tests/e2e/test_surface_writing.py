"""What kubectl changes in a running suite, by each of its commands, and what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.kubectl import EXAMPLES, Kubectl, container, document, uids
from support.manifests import claim_template, disruption_budget, service, stateful_set


@pytest.fixture
def web(kubectl: Kubectl) -> Kubectl:
    """A set of two that is ready."""
    kubectl.apply(stateful_set(replicas=2))
    kubectl("rollout status sts/web")
    return kubectl


def config(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"a": "b"}}


def test_replace_puts_another_in_its_place(web: Kubectl) -> None:
    """Without force kubectl sends the version that it has just read: what others write to may conflict."""
    web.apply(config("settings", tier="a"))
    read = web.json("cm settings")["metadata"]["uid"]
    assert web("replace -f -", stdin=document(config("settings", tier="b"))) == "configmap/settings replaced\n"
    found = web.json("cm settings")["metadata"]
    assert (found["uid"], found["labels"]) == (read, {"tier": "b"})
    before = web.json("sts web")["metadata"]["uid"]
    assert web("replace --force -f -", stdin=document(stateful_set(replicas=1))) == (
        f'statefulset.apps "web" deleted from {web.namespace} namespace\nstatefulset.apps/web replaced\n'
    )
    assert web.json("sts web")["metadata"]["uid"] != before
    refused = web.fails("replace -f -", stdin=document(config("nope")))
    assert 'configmaps "nope" not found' in refused


@pytest.mark.surface("requests.scale")
def test_scale_heeds_what_it_was_told_to_expect(web: Kubectl) -> None:
    assert web.fails("scale sts web --replicas=9 --current-replicas=7") == "error: Expected replicas to be 7, was 2\n"
    assert web("scale sts web --replicas=3 --current-replicas=2") == "statefulset.apps/web scaled\n"
    assert "Expected resource version to be 1" in web.fails("scale sts web --replicas=9 --resource-version=1")
    assert web("get sts web -o jsonpath={.spec.replicas}") == "3"
    assert 'statefulsets.apps "nope" not found' in web.fails("scale sts nope --replicas=1")
    web.apply(service())
    assert "the server could not find the requested resource" in web.fails("scale svc web --replicas=1")


def test_each_way_to_set_something(web: Kubectl) -> None:
    web("create configmap settings --from-literal=COLOUR=green")
    assert web("set env sts/web --from=configmap/settings") == "statefulset.apps/web env updated\n"
    assert "COLOUR from configmap settings, key COLOUR" in web("set env sts/web --list")
    resources = "--requests=cpu=100m --limits=memory=64Mi"
    assert web(f"set resources sts web {resources}") == "statefulset.apps/web resource requirements updated\n"
    assert web("set serviceaccount sts web default") == "statefulset.apps/web serviceaccount updated\n"
    spec = web.json("sts web")["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "default"
    assert spec["containers"][0]["resources"] == {
        "limits": {"memory": "64Mi"},
        "requests": {"cpu": "100m"},
    }
    web.apply({**service(), "spec": {"ports": [{"port": 80}]}})
    assert web("set selector svc web app=web") == "service/web selector updated\n"


@pytest.mark.surface("requests.label", "requests.annotate")
def test_labels_and_annotations_are_not_overwritten_unasked(web: Kubectl) -> None:
    assert web("label pods -l app=web tier=a") == "pod/web-0 labeled\npod/web-1 labeled\n"
    assert web.fails("label pod web-0 tier=b") == "error: 'tier' already has a value (a), and --overwrite is false\n"
    assert web("label pod web-0 tier=b --overwrite") == "pod/web-0 labeled\n"
    assert web("annotate pods note=x --field-selector=metadata.name=web-1") == "pod/web-1 annotated\n"
    assert web("annotate pods note=y -l tier=b") == "pod/web-0 annotated\n"
    assert web("annotate pods more=z --all") == "pod/web-0 annotated\npod/web-1 annotated\n"
    annotations = [pod["metadata"]["annotations"] for pod in web.pods("app=web").values()]
    assert [(one["note"], one["more"]) for one in annotations] == [("y", "z"), ("x", "z")]
    assert web("get pods -L tier --no-headers -l tier=b").split()[0] == "web-0"


PATCHES = {
    "merge": ("sts web --type=merge", {"spec": {"replicas": 3}}, "statefulset.apps/web patched"),
    "strategic": (
        "sts web",
        {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "other:1"}]}}}},
        "statefulset.apps/web patched",
    ),
    "scale": ("sts web --subresource=scale --type=merge", {"spec": {"replicas": 4}}, "scale.autoscaling/web patched"),
    "status": (
        "sts web --subresource=status --type=merge",
        {"status": {"conditions": [{"type": "Odd", "status": "True"}]}},
        "statefulset.apps/web patched",
    ),
    "a pod's status": ("pod web-0 --subresource=status", {"status": {"message": "hi"}}, "pod/web-0 patched"),
    "no change": ("sts web --type=merge", {"spec": {"replicas": 2}}, "statefulset.apps/web patched (no change)"),
}


@pytest.mark.parametrize("case", PATCHES)
def test_every_kind_of_patch(web: Kubectl, case: str) -> None:
    command, patch, said = PATCHES[case]
    assert web(f"patch {command} -p", json.dumps(patch)) == f"{said}\n"


@pytest.mark.surface("texts.unknown-field-warn")
def test_patches_that_cannot_be_are_refused(web: Kubectl) -> None:
    test = [{"op": "test", "path": "/spec/replicas", "value": 7}]
    assert "the server rejected our request" in web.fails("patch sts web --type=json -p", json.dumps(test))
    immutable = {"spec": {"serviceName": "other"}}
    assert "spec: Forbidden: updates to statefulset spec" in web.fails("patch sts web -p", json.dumps(immutable))
    unknown = web.run("patch sts web -p", json.dumps({"spec": {"bogus": 1}}))
    assert (unknown.code, unknown.errors) == (0, 'Warning: unknown field "spec.bogus"\n')
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    web.apply(service())
    assert "may only be used when `spec.type` is 'LoadBalancer'" in web.fails(
        "patch svc web --subresource=status --type=merge -p", json.dumps(status)
    )


def test_a_status_is_edited_where_it_is_asked_for(web: Kubectl) -> None:
    edited = web(
        "edit sts web --subresource=status", KUBE_EDITOR="sed -i s/availableReplicas:.2/availableReplicas:\\ 1/"
    )
    assert edited == "statefulset.apps/web edited\n"
    web("wait sts/web --for=jsonpath={.status.availableReplicas}=2 --timeout=20s")


@pytest.mark.parametrize(("command", "text"), [("pause sts/web", "pausing"), ("resume sts/web", "resuming")])
def test_sets_are_not_paused(web: Kubectl, command: str, text: str) -> None:
    assert web.fails(f"rollout {command}") == f'error: statefulsets.apps "web" {text} is not supported\n'


def test_what_apply_says_of_what_is_as_it_was(kubectl: Kubectl) -> None:
    """Kubectl itself sends a patch, and so says `configured`, for what its merge cannot compare.

    A budget's selector is replaced whole, claim templates are a list without keys that the server has added defaults
    to, and stringData is never read back. It says the same of any Kubernetes.
    """
    kept = [stateful_set(), service(), config("c", app="c")]
    sent = [
        disruption_budget(maxUnavailable=1),
        stateful_set("kept", volumeClaimTemplates=[claim_template()]),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}},
    ]
    kubectl.apply(*kept, *sent)
    versions = [kubectl.json(what)["metadata"]["generation"] for what in ("sts web", "pdb web", "sts kept")]
    assert [line.split()[-1] for line in kubectl.apply(*kept, *sent).splitlines()] == [
        *(["unchanged"] * 3),
        *(["configured"] * 3),
    ]
    assert [kubectl.json(what)["metadata"]["generation"] for what in ("sts web", "pdb web", "sts kept")] == versions


def test_apply_prunes_what_is_no_longer_declared(kubectl: Kubectl) -> None:
    prune = "apply --prune -l app=pruned --prune-allowlist=core/v1/ConfigMap -f -"
    kubectl(prune, stdin=document(config("a", app="pruned"), config("b", app="pruned")))
    kubectl.apply(config("other"))
    assert kubectl(prune, stdin=document(config("b", app="pruned"))) == "configmap/b unchanged\nconfigmap/a pruned\n"
    assert kubectl("get cm -o name").split() == ["configmap/b", "configmap/other"]


def test_an_apply_set_prunes_without_being_told_the_kinds(kubectl: Kubectl) -> None:
    prune = "apply --prune --applyset=configmaps/members -f -"
    one, two = config("one", app="set"), config("two", app="set")
    assert kubectl(prune, stdin=document(one, two, service()), KUBECTL_APPLYSET="true").count("created") == 3
    said = kubectl(prune, stdin=document(one), KUBECTL_APPLYSET="true").splitlines()
    assert said[0] == "configmap/one unchanged"
    assert sorted(said[1:]) == ["configmap/two pruned", "service/web pruned"]


@pytest.mark.parametrize("kind", ["Deployment", "Bogus"])
def test_a_kind_that_is_not_served_is_called_so(kubectl: Kubectl, kind: str) -> None:
    unknown = document({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "x"}})
    for command in ("create", "apply", "delete"):
        assert f'no matches for kind "{kind}" in version "apps/v1"' in kubectl.fails(f"{command} -f -", stdin=unknown)


GENERATED = {
    "serviceaccount robot": ("sa robot", "{.metadata.name}", "robot"),
    "pdb half --selector=app=x --min-available=50%": ("pdb half", "{.spec.minAvailable}", "50%"),
    "secret docker-registry pull --docker-username=a --docker-password=b": (
        "secret pull",
        "{.type}",
        "kubernetes.io/dockerconfigjson",
    ),
    "service clusterip none --clusterip=None": ("svc none", "{.spec.clusterIP}", "None"),
    "service nodeport port --tcp=80:8080": ("svc port", "{.spec.ports[0].targetPort}", "8080"),
    "service loadbalancer balanced --tcp=80": ("svc balanced", "{.spec.type}", "LoadBalancer"),
    "service externalname far --external-name=far.example": ("svc far", "{.spec.externalName}", "far.example"),
    "configmap file --from-file=README.md": ("cm file", "{.metadata.name}", "file"),
}


def test_what_kubectl_generates(kubectl: Kubectl) -> None:
    for command, (what, field, value) in GENERATED.items():
        path = str(EXAMPLES.parents[1] / "README.md")
        kubectl(f"create {command}".replace("README.md", path))
        assert kubectl(f"get {what} -o jsonpath={field}") == value


@pytest.mark.surface("requests.run")
def test_pods_are_run_and_exposed(kubectl: Kubectl) -> None:
    assert kubectl("run one --image=one:1 --env=A=B --labels=app=one --port=80 --expose") == (
        "pod/one created\nservice/one created\n"
    )
    kubectl("wait pod/one --for=condition=Ready --timeout=20s")
    ran = container(kubectl.pods("app=one")["one"])
    assert (ran["image"], ran["env"]) == ("one:1", [{"name": "A", "value": "B"}])
    assert [port["containerPort"] for port in ran["ports"]] == [80]
    assert kubectl("expose pod one --name=again --port=81 --target-port=80") == "service/again exposed\n"
    assert kubectl("expose svc one --name=third --port=82") == "service/third exposed\n"
    kubectl("wait endpoints/again --for=jsonpath={.subsets[0].addresses[0].targetRef.name}=one --timeout=20s")
    assert kubectl.fails("expose sts web --port=80").startswith("Error from server (NotFound)")
    assert kubectl("delete pod one --now") == f'pod "one" deleted from {kubectl.namespace} namespace\n'


def test_what_will_be_created_is_waited_for(kubectl: Kubectl) -> None:
    with kubectl.follow("wait --for=create cm/late --timeout=20s") as waiting:
        kubectl("create cm late")
        assert (waiting.wait(), waiting.output) == (0, "configmap/late condition met")
    assert "timed out" in kubectl.fails("wait --for=create cm/never --timeout=0.2s")


def test_a_pod_is_deleted_by_force(web: Kubectl) -> None:
    before = uids(web.pods())
    result = web.run("delete pod web-1 --force --grace-period=0")
    assert result.output == f'pod "web-1" force deleted from {web.namespace} namespace\n'
    assert "Immediate deletion does not wait" in result.errors
    web("rollout status sts/web")
    web("wait pod/web-1 --for=condition=Ready --timeout=20s")
    assert {name for name, uid in uids(web.pods()).items() if uid == before[name]} == {"web-0"}
    assert 'pods "nope" not found' in web.fails("delete pod nope")
    assert web("delete pod nope --ignore-not-found") == ""


def test_a_namespace_goes_with_all_that_is_in_it_and_was_told_of_it(kubectl: Kubectl) -> None:
    kubectl("create namespace going")
    kubectl("--namespace=going apply -f -", stdin=document(stateful_set(volumeClaimTemplates=[claim_template()])))
    kubectl("--namespace=going rollout status sts/web")
    assert kubectl("--namespace=going get events -o name") != ""
    assert kubectl("delete namespace going --timeout=25s") == 'namespace "going" deleted\n'
    assert kubectl("--namespace=going get events,pods,pvc,sa -o name") == ""
    kubectl("create namespace going")
    kubectl("delete namespace going --timeout=25s")


def test_drain_leaves_a_daemon_sets_pods_and_asks_before_it_deletes_others(kubectl: Kubectl) -> None:
    labels = {"drained": "yes", "set": "each"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "a", "image": "a:1"}]},
    }
    spec = {"selector": {"matchLabels": labels}, "template": template}
    kubectl.apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "each"}, "spec": spec})
    kubectl("rollout status ds/each")
    kubectl("run bare --image=bare:1 --labels=drained=yes --overrides", '{"spec":{"nodeName":"node-1"}}')
    drain = "drain node-1 --pod-selector=drained=yes --timeout=20s"
    try:
        refused = kubectl.fails(drain)
        assert "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)" in refused
        assert "cannot delete Pods that declare no controller (use --force to override)" in refused
        dry = kubectl(f"{drain} --ignore-daemonsets --force --dry-run=server")
        assert "node/node-1 drained (server dry run)" in dry
        assert kubectl("get pod bare -o name") == "pod/bare\n"
        drained = kubectl(f"{drain} --ignore-daemonsets --force")
        assert "pod/bare evicted" in drained
        assert "ds" not in drained
    finally:
        kubectl("uncordon node-1")
    assert kubectl("get ds each -o jsonpath={.status.numberReady}") == "3"
