"""Clients that are not today's kubectl: the official Python library, an old kubectl, Prometheus, reflection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException

from statefleet.app.authority import ADMIN, Identities
from statefleet.runtime.clock import SystemClock
from support.debian import program
from support.kubectl import EXAMPLES, Kubectl, document, uids
from support.manifests import IMAGE, disruption_budget, service, stateful_set
from support.processes import until
from support.service_discovery import discovering
from support.suite import QUICK, Suite, running_suite

STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def web(kubectl: Kubectl) -> Kubectl:
    """A set of two that is ready, with its service and budget."""
    kubectl.apply(service(), disruption_budget(maxUnavailable=1), stateful_set(replicas=2))
    kubectl("rollout status sts/web")
    kubectl("wait pdb/web --for=jsonpath={.status.disruptionsAllowed}=1 --timeout=20s")
    return kubectl


@pytest.fixture(scope="module")
def api(shared_suite: Suite) -> Iterator[client.ApiClient]:
    settings = client.Configuration()
    config.load_kube_config(str(shared_suite.kubeconfig), client_configuration=settings)
    with client.ApiClient(settings) as found:
        yield found
        found.rest_client.pool_manager.clear()


LISTS = {
    "CoreV1Api": [
        "list_node",
        "list_namespace",
        "list_persistent_volume",
        "list_pod_for_all_namespaces",
        "list_service_for_all_namespaces",
        "list_endpoints_for_all_namespaces",
        "list_persistent_volume_claim_for_all_namespaces",
        "list_config_map_for_all_namespaces",
        "list_secret_for_all_namespaces",
        "list_service_account_for_all_namespaces",
        "list_event_for_all_namespaces",
    ],
    "AppsV1Api": [
        "list_stateful_set_for_all_namespaces",
        "list_daemon_set_for_all_namespaces",
        "list_controller_revision_for_all_namespaces",
    ],
    "PolicyV1Api": ["list_pod_disruption_budget_for_all_namespaces"],
    "DiscoveryV1Api": ["list_endpoint_slice_for_all_namespaces"],
    "StorageV1Api": ["list_storage_class"],
}


@pytest.mark.parametrize("group", LISTS)
def test_python_reads_every_kind(web: Kubectl, api: client.ApiClient, group: str) -> None:
    """The library's models refuse objects that lack what Kubernetes requires of them."""
    calls = getattr(client, group)(api)
    for name in LISTS[group]:
        listed = getattr(calls, name)()
        assert listed.metadata.resource_version.isdecimal(), name
        assert all(item.metadata.uid for item in listed.items), name


def test_python_changes_sets(web: Kubectl, api: client.ApiClient) -> None:
    apps, place = client.AppsV1Api(api), web.namespace
    merged = apps.patch_namespaced_stateful_set("web", place, {"metadata": {"labels": {"by": "python"}}})
    assert merged.metadata.labels == {"by": "python"}
    replicas = [{"op": "replace", "path": "/spec/replicas", "value": 3}]
    assert apps.patch_namespaced_stateful_set("web", place, replicas).spec.replicas == 3
    container = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": f"{IMAGE}:2"}]}}}}
    rolled = apps.patch_namespaced_stateful_set("web", place, container, _content_type=STRATEGIC)
    assert [one.image for one in rolled.spec.template.spec.containers] == [f"{IMAGE}:2"]
    scale = apps.read_namespaced_stateful_set_scale("web", place)
    scale.spec.replicas, scale.metadata.resource_version = 2, None
    assert apps.replace_namespaced_stateful_set_scale("web", place, scale).spec.replicas == 2
    read = apps.read_namespaced_stateful_set("web", place)
    read.metadata.resource_version = "1"
    with pytest.raises(ApiException) as refused:
        apps.replace_namespaced_stateful_set("web", place, read)
    assert refused.value.status == 409
    web("rollout status sts/web")


def test_python_creates_pages_and_deletes(kubectl: Kubectl, api: client.ApiClient) -> None:
    core, place = client.CoreV1Api(api), kubectl.namespace
    for _ in range(5):
        meta = client.V1ObjectMeta(generate_name="made-", labels={"made": "yes"})
        made = core.create_namespaced_config_map(place, client.V1ConfigMap(metadata=meta, data={"a": "b"}))
        assert made.metadata.name.startswith("made-")
    page = core.list_namespaced_config_map(place, limit=2)
    assert (len(page.items), page.metadata.remaining_item_count) == (2, 3)
    rest = core.list_namespaced_config_map(place, limit=9, _continue=page.metadata._continue)
    assert len({item.metadata.name for item in (*page.items, *rest.items)}) == 5
    core.delete_collection_namespaced_config_map(place, label_selector="made=yes")
    assert core.list_namespaced_config_map(place).items == []


def test_python_evicts_within_the_budget(web: Kubectl, api: client.ApiClient) -> None:
    core, place = client.CoreV1Api(api), web.namespace
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name="web-0", namespace=place))
    before = uids(web.pods())
    core.create_namespaced_pod_eviction("web-0", place, eviction)
    until(lambda: uids(web.pods()).get("web-0", before["web-0"]) != before["web-0"], "another web-0")
    eviction.metadata.name = "web-1"
    web.patch("pdb web", {"spec": {"maxUnavailable": 0}})
    with pytest.raises(ApiException) as refused:
        core.create_namespaced_pod_eviction("web-1", place, eviction)
    assert refused.value.status == 429


@pytest.mark.surface("requests.resource-version")
def test_python_watches_from_a_list_on(web: Kubectl, api: client.ApiClient) -> None:
    core, place = client.CoreV1Api(api), web.namespace
    listed = core.list_namespaced_pod(place)
    web("delete pod web-1 --wait=false")
    seen: list[tuple[str, str]] = []
    watching = watch.Watch()
    version = listed.metadata.resource_version
    for event in watching.stream(core.list_namespaced_pod, place, resource_version=version, timeout_seconds=20):
        pod = event["object"]
        seen.append((event["type"], pod.metadata.name))
        if ("ADDED", "web-1") in seen and pod.status.phase == "Running":
            watching.stop()
    assert [step for step in dict.fromkeys(seen) if step[0] != "MODIFIED"] == [
        ("DELETED", "web-1"),
        ("ADDED", "web-1"),
    ]


DYNAMIC = {
    "apps/v1": ["StatefulSet", "DaemonSet", "ControllerRevision"],
    "apps/v1beta1": ["StatefulSet"],
    "policy/v1beta1": ["PodDisruptionBudget"],
    "discovery.k8s.io/v1": ["EndpointSlice"],
    "v1": ["Pod", "Node"],
}


def test_the_dynamic_client_finds_kinds_by_discovery(web: Kubectl, api: client.ApiClient, tmp_path: Path) -> None:
    found = dynamic.DynamicClient(api, cache_file=str(tmp_path / "discovery"))
    for api_version, kinds in DYNAMIC.items():
        for kind in kinds:
            listed = found.resources.get(api_version=api_version, kind=kind).get()
            assert listed.kind == f"{kind}List"
    sets = found.resources.get(api_version="apps/v1", kind="StatefulSet")
    assert sets.scale.get(name="web", namespace=web.namespace).spec.replicas == 2
    body = {"metadata": {"labels": {"by": "dynamic"}}}
    merge = {"content_type": "application/merge-patch+json"}
    assert sets.patch(body=body, name="web", namespace=web.namespace, **merge).metadata.labels.by == "dynamic"
    watched = found.resources.get(api_version="v1", kind="Pod").watch(namespace=web.namespace, timeout=1)
    assert [(event["type"], event["object"].metadata.name) for event in watched][:2] == [
        ("ADDED", "web-0"),
        ("ADDED", "web-1"),
    ]


@pytest.fixture
def old(kubectl: Kubectl, shared_suite: Suite) -> Kubectl:
    """The kubectl of Debian, many releases older."""
    return Kubectl(shared_suite.kubeconfig, kubectl.namespace, str(program("kubernetes-client", "kubectl")))


@pytest.mark.surface("traps.discovery")
def test_an_old_kubectl_plays_the_life_of_a_set(old: Kubectl) -> None:
    for name in ("zookeeper", "kafka"):
        made = old(f"apply -f {EXAMPLES}/classic/{name}.yaml").splitlines()
        assert all(line.endswith(" created") for line in made)
    for name in ("zk", "kafka"):
        assert "rolling update complete 3 pods" in old(f"rollout status sts/{name} --timeout=25s")
    path = "/spec/template/spec/containers/0/resources/requests/cpu"
    old.patch("sts kafka", [{"op": "replace", "path": path, "value": "250m"}])
    assert "rolling update complete 3 pods" in old("rollout status sts/kafka --timeout=25s")
    assert [line.split()[0] for line in old("rollout history sts/kafka").splitlines()[1:] if line] == [
        "REVISION",
        "1",
        "2",
    ]
    assert old("rollout undo sts/kafka") == "statefulset.apps/kafka rolled back\n"
    assert "rolling update complete 3 pods" in old("rollout status sts/kafka --timeout=25s")
    assert [line.split()[0] for line in old("rollout history sts/kafka").splitlines()[2:] if line] == ["2", "3"]
    assert "unable to find specified revision 10" in old.fails("rollout undo sts/kafka --to-revision=10")
    old.patch("sts kafka", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}})
    assert "partitioned roll out complete: 1 new pods" in changed_and_rolled(old)
    shown = old("describe sts kafka")
    assert "3 Running / 0 Waiting / 0 Succeeded / 0 Failed" in shown
    assert "Controlled By:  StatefulSet/kafka" in old("describe pod kafka-0")
    difference = old.run(f"diff -f {EXAMPLES}/classic/kafka.yaml")
    assert (difference.code, "- cpu: 300m" in " ".join(difference.output.split())) == (1, True)
    old("delete pod kafka-1")
    old("wait pod/kafka-1 --for=condition=Ready --timeout=20s")
    deleted = old(f"delete -f {EXAMPLES}/classic/kafka.yaml").splitlines()
    assert [line.split('"')[1] for line in deleted] == ["kafka-hs", "kafka-pdb", "kafka"]


@pytest.mark.surface("traps.skipped-rollback-of-old")
def test_an_old_kubectl_that_rolls_back_to_where_the_set_is_changes_nothing(old: Kubectl) -> None:
    """It compares with a form that has `creationTimestamp: null`, and so does not see that there is nothing to do."""
    old.apply(stateful_set(replicas=1))
    old("rollout status sts/web --timeout=25s")
    pods = uids(old.pods())
    assert old("rollout undo sts/web --to-revision=1") == "statefulset.apps/web rolled back\n"
    assert old("get sts web -o jsonpath={.metadata.generation}") == "1"
    assert uids(old.pods()) == pods


def changed_and_rolled(old: Kubectl) -> str:
    old("set resources sts kafka --requests=cpu=300m,memory=1Gi")
    return old("rollout status sts/kafka --timeout=25s")


def test_an_old_kubectl_plays_the_life_of_a_daemon_set(old: Kubectl) -> None:
    made = old.run(f"apply -f {EXAMPLES}/classic/node-exporter.yaml --record")
    assert made.output == "daemonset.extensions/node-exporter created\n"
    assert "extensions/v1beta1 DaemonSet is deprecated" in made.errors
    finished = 'daemon set "node-exporter" successfully rolled out\n'
    assert old("rollout status ds/node-exporter --timeout=25s").endswith(finished)
    old("set image ds/node-exporter *=exporter:2 --record")
    assert old("rollout status ds/node-exporter --timeout=25s").endswith(finished)
    causes = [line.split(maxsplit=1)[1] for line in old("rollout history ds/node-exporter").splitlines()[2:] if line]
    assert [cause.split()[1] for cause in causes] == ["apply", "set"]
    assert old("rollout undo ds/node-exporter") == "daemonset.apps/node-exporter rolled back\n"
    assert old("rollout status ds/node-exporter --timeout=25s").endswith(finished)
    assert "DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE" in old("get ds")


@pytest.mark.surface("requests.apply-openapi-v2")
def test_an_old_kubectl_generates_explains_and_is_refused_in_plain_words(old: Kubectl) -> None:
    old("create configmap settings --from-literal=a=b")
    old("create pdb half --selector=app=x --min-available=1")
    old("run p --image=p:1")
    old("wait pod/p --for=condition=Ready --timeout=20s")
    assert old("auth can-i delete pods") == "yes\n"
    assert "rollingUpdate" in old("explain sts.spec.updateStrategy")
    assert "statefulsets" in old("api-resources")
    assert "Server Version" in old("version")
    assert "pods/log is not served" in old.fails("logs p")
    assert "pods/exec is not served" in old.fails("exec p -- ls")
    assert 'unknown field "replicaz"' in old.fails("apply -f -", stdin=document(stateful_set(replicaz=1)))


def test_prometheus_discovers_what_there_is(web: Kubectl, shared_suite: Suite, tmp_path: Path) -> None:
    with discovering(shared_suite.kubeconfig, tmp_path, web.namespace) as found:
        found.until("node", "node_name", {"node-1", "node-2", "node-3"})
        found.until("pod", "pod_name", {"web-0", "web-1"})
        found.until("service", "service_name", {"web"})
        found.until("endpoints", "endpoint_address_target_name", {"web-0", "web-1"})
        found.until("endpointslice", "endpointslice_address_target_name", {"web-0", "web-1"})
        (first, *_) = found.targets("endpoints")
        assert first["__meta_kubernetes_pod_controller_kind"] == "StatefulSet"
        assert first["__meta_kubernetes_pod_ready"] == "true"
        web("scale sts web --replicas=3")
        for role, label in (("pod", "pod_name"), ("endpoints", "endpoint_address_target_name")):
            found.until(role, label, {"web-0", "web-1", "web-2"})
        web("scale sts web --replicas=1")
        found.until("pod", "pod_name", {"web-0"})


def test_grpc_tools_learn_the_services_by_reflection(tmp_path: Path) -> None:
    with running_suite(tmp_path, *QUICK, "--grpc-listen=127.0.0.1:0") as suite:
        identities = Identities(suite.directory / "certificates", SystemClock())
        pair = identities.user(ADMIN)
        credentials = grpc.ssl_channel_credentials(identities.authority, pair.key, pair.certificate)
        with grpc.secure_channel(suite.grpc_address, credentials) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            services = set(database.get_services())
            assert "statefleet.api.workloads.v1.WorkloadStore" in services
            described: Any = database.FindFileContainingSymbol("statefleet.api.apps.v1.StatefulSet")
            assert "StatefulSet" in [message.name for message in described.message_type]
