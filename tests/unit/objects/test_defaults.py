"""The defaults are those of Kubernetes: recordings, newer ones, and that they are given once."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.api.apps.v1.daemon_set_pb2 import DaemonSet
from statefleet.api.apps.v1.stateful_set_pb2 import StatefulSet
from statefleet.api.core.v1.pod_pb2 import Pod
from statefleet.objects import codec
from statefleet.objects.defaults import apply_defaults
from statefleet.objects.defaults.images import pull_policy
from statefleet.objects.kinds import KINDS
from support.oracle_objects import Recording, defaulted, recordings, without_additions

RECORDED = {name: case for name, case in recordings("defaults").items() if not case.code}


def decoded(document: dict[str, Any]) -> Any:
    message, complaints = codec.decode(KINDS[document["kind"]].message, document)
    assert complaints == []
    return message


def encoded(message: Any) -> dict[str, Any]:
    apply_defaults(message)
    return codec.encode(message)


def a_pod(**spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "nginx:1.25"}
    return {"kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [container], **spec}}


def defaulted_spec(document: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = encoded(decoded(document))["spec"]
    return spec


@pytest.mark.parametrize("case", RECORDED.values(), ids=RECORDED)
def test_objects_become_what_kubernetes_made_of_them(case: Recording) -> None:
    message = decoded(case.body)

    apply_defaults(message)

    assert without_additions(codec.encode(message)) == defaulted(case)


@pytest.mark.parametrize("case", RECORDED.values(), ids=RECORDED)
def test_defaults_are_given_once(case: Recording) -> None:
    message = decoded(case.body)
    apply_defaults(message)
    before = message.SerializeToString(deterministic=True)

    apply_defaults(message)

    assert message.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("registry.example:5000/team/app", "Always"),
        ("registry.example:5000/team/app:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("nginx@sha256:" + "a" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "a" * 64, "Always"),
        ("Not An Image", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


def test_a_pod_requests_its_limits_but_a_template_does_not() -> None:
    containers = [{"name": "c", "image": "nginx:1.25", "resources": {"limits": {"cpu": "1"}}}]
    pod = defaulted_spec(a_pod(containers=containers, initContainers=[{**containers[0], "name": "i"}]))
    template = {"kind": "DaemonSet", "spec": {"template": {"spec": {"containers": containers}}}}

    assert pod["containers"][0]["resources"]["requests"] == {"cpu": "1"}
    assert pod["initContainers"][0]["resources"]["requests"] == {"cpu": "1"}
    assert "requests" not in defaulted_spec(template)["template"]["spec"]["containers"][0]["resources"]


def test_a_request_that_is_named_is_kept() -> None:
    resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "250m"}}
    spec = defaulted_spec(a_pod(containers=[{"name": "c", "image": "a:1", "resources": resources}]))

    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "250m", "memory": "1Gi"}


def test_a_pod_with_limits_of_its_own_requests_what_its_containers_do() -> None:
    def container(name: str, cpu: str, **fields: Any) -> dict[str, Any]:
        return {"name": name, "image": "a:1", "resources": {"requests": {"cpu": cpu}}, **fields}

    spec = defaulted_spec(
        a_pod(
            resources={"limits": {"cpu": "4", "memory": "1Gi"}},
            containers=[container("a", "500m"), container("b", "1")],
            initContainers=[container("sidecar", "250m", restartPolicy="Always"), container("once", "1")],
        )
    )

    assert spec["resources"]["requests"] == {"cpu": "1750m", "memory": "1Gi"}


def test_ports_are_the_hosts_own_on_its_network() -> None:
    containers = [
        {"name": "c", "image": "a:1", "ports": [{"containerPort": 9100}, {"containerPort": 1, "hostPort": 2}]}
    ]

    spec = defaulted_spec(a_pod(containers=containers, hostNetwork=True))

    assert [port["hostPort"] for port in spec["containers"][0]["ports"]] == [9100, 2]


def test_both_names_of_the_service_account_are_served() -> None:
    old = defaulted_spec(a_pod(serviceAccount="robot"))
    new = defaulted_spec(a_pod(serviceAccountName="robot", serviceAccount="other"))

    assert old["serviceAccountName"] == old["serviceAccount"] == "robot"
    assert new["serviceAccountName"] == new["serviceAccount"] == "robot"


def test_only_pods_have_service_links_and_priority() -> None:
    pod = defaulted_spec(a_pod())
    template = defaulted_spec({"kind": "StatefulSet", "spec": {"template": {"spec": a_pod()["spec"]}}})["template"][
        "spec"
    ]

    only_pods = {"enableServiceLinks": True, "priority": 0, "preemptionPolicy": "PreemptLowerPriority"}
    assert {field: pod[field] for field in only_pods} == only_pods
    assert not only_pods.keys() & template.keys()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, {"emptyDir": {}}),
        ({"hostPath": {"path": "/x"}}, {"hostPath": {"path": "/x", "type": ""}}),
        ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
        ({"image": {"reference": "a"}}, {"image": {"reference": "a", "pullPolicy": "Always"}}),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {
                "projected": {
                    "defaultMode": 420,
                    "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                }
            },
        ),
        (
            {"ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
            {
                "ephemeral": {
                    "volumeClaimTemplate": {"metadata": {}, "spec": {"resources": {}, "volumeMode": "Filesystem"}}
                }
            },
        ),
    ],
)
def test_volumes(source: dict[str, Any], expected: dict[str, Any]) -> None:
    volumes = defaulted_spec(a_pod(volumes=[{"name": "v", **source}]))["volumes"]

    assert volumes == [{"name": "v", **expected}]


def test_a_grpc_probe_names_the_empty_service() -> None:
    probe = {"grpc": {"port": 1}}
    spec = defaulted_spec(a_pod(containers=[{"name": "c", "image": "a:1", "livenessProbe": probe}]))

    assert spec["containers"][0]["livenessProbe"]["grpc"] == {"port": 1, "service": ""}


def test_hooks_and_ephemeral_containers_are_defaulted_too() -> None:
    hook = {"postStart": {"httpGet": {"port": 1}}, "preStop": {"httpGet": {"port": 2}}}
    container = {"name": "c", "image": "a:1", "lifecycle": hook}
    spec = defaulted_spec(a_pod(containers=[container], ephemeralContainers=[{"name": "e", "image": "a"}]))

    assert spec["containers"][0]["lifecycle"] == {
        "postStart": {"httpGet": {"port": 1, "path": "/", "scheme": "HTTP"}},
        "preStop": {"httpGet": {"port": 2, "path": "/", "scheme": "HTTP"}},
    }
    assert spec["ephemeralContainers"][0]["imagePullPolicy"] == "Always"


def test_a_load_balancer_is_reached_from_outside() -> None:
    service = {"kind": "Service", "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    service["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}

    document = encoded(decoded(service))

    assert document["spec"]["externalTrafficPolicy"] == "Cluster"
    assert document["spec"]["allocateLoadBalancerNodePorts"] is True
    assert document["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.1", "ipMode": "VIP"}]


def test_an_external_name_has_no_traffic_policy() -> None:
    spec = defaulted_spec({"kind": "Service", "spec": {"type": "ExternalName", "externalName": "a.example"}})

    assert "internalTrafficPolicy" not in spec
    assert "externalTrafficPolicy" not in spec


def test_slices_and_endpoints_speak_tcp() -> None:
    slice_ = encoded(decoded({"kind": "EndpointSlice", "ports": [{"port": 1}]}))
    endpoints = encoded(decoded({"kind": "Endpoints", "subsets": [{"ports": [{"port": 1}]}]}))

    assert slice_["ports"] == [{"name": "", "port": 1, "protocol": "TCP"}]
    assert endpoints["subsets"][0]["ports"] == [{"port": 1, "protocol": "TCP"}]


def test_what_a_node_has_is_allocatable() -> None:
    node = encoded(decoded({"kind": "Node", "status": {"capacity": {"cpu": "2"}}}))

    assert node["status"]["allocatable"] == {"cpu": "2"}


def test_quantities_become_canonical_and_no_finer_than_thousandths() -> None:
    pod = Pod()
    container = pod.spec.containers.add(name="c", image="a:1")
    for resource, text in (("cpu", "0.5"), ("memory", "1024Ki"), ("example.com/x", "1u"), ("bad", "?")):
        container.resources.requests[resource].string = text

    apply_defaults(pod)

    requests = {name: amount.string for name, amount in container.resources.requests.items()}
    assert requests == {"cpu": "500m", "memory": "1Mi", "example.com/x": "1m", "bad": "?"}


def test_zero_surge_is_equal_whoever_wrote_it() -> None:
    implied, written = DaemonSet(), decoded({"kind": "DaemonSet"})
    written.spec.update_strategy.MergeFrom(
        decoded(
            {"kind": "DaemonSet", "spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 0}}}}
        ).spec.update_strategy
    )
    apply_defaults(implied)
    apply_defaults(written)

    assert implied == written


def test_a_partition_is_not_given_to_a_strategy_that_names_no_rolling_update() -> None:
    named, unnamed = StatefulSet(), StatefulSet()
    named.spec.update_strategy.type = "RollingUpdate"
    apply_defaults(named)
    apply_defaults(unnamed)

    assert not named.spec.update_strategy.HasField("rolling_update")
    assert unnamed.spec.update_strategy.rolling_update.HasField("partition")
