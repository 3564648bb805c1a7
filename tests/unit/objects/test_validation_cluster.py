"""What ConfigMaps, Secrets, Namespaces, ServiceAccounts, Nodes and Events say, and what an update may change."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from support.judging import a_document, changed, judged, judged_status, judged_update

NODE = a_document("Node")
SEALED = "field is immutable when `immutable` is set"


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("app.conf_1-x", ""),
        (".", "must not be '.'"),
        ("..", "must not be '..'"),
        ("..a", "must not start with '..'"),
        ("k" * 254, "must be no more than 253 characters"),
    ],
)
def test_keys(key: str, detail: str) -> None:
    expected = [f'{{}}[{key}]: Invalid value: "{key}": {detail}'] if detail else []

    assert judged(a_document("ConfigMap", data={key: "x"})) == [text.format("data") for text in expected]
    assert judged(a_document("Secret", data={key: ""})) == [text.format("data") for text in expected]
    assert judged(a_document("ConfigMap", binaryData={key: ""})) == [text.format("binaryData") for text in expected]


def test_a_key_is_text_or_binary() -> None:
    assert judged(a_document("ConfigMap", data={"a": ""}, binaryData={"a": ""})) == [
        'data[a]: Invalid value: "a": duplicate of key present in binaryData'
    ]


def test_contents_are_bounded() -> None:
    limit = 1024 * 1024

    assert judged(a_document("ConfigMap", data={"a": "x" * limit})) == []
    assert judged(a_document("ConfigMap", data={"a": "x" * (limit + 1)})) == [
        ": Too long: must have at most 1048576 bytes"
    ]
    assert judged(a_document("Secret", stringData={"a": "x" * (limit + 1)})) == [
        "data: Too long: must have at most 1048576 bytes"
    ]


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_what_is_sealed_stays(kind: str) -> None:
    value = {"ConfigMap": "b", "Secret": encoded("b")}[kind]
    old = a_document(kind, immutable=True, data={"a": value})

    assert judged_update(changed(old, "metadata.labels", {"a": "b"}), old) == []
    assert judged_update(changed(changed(old, "immutable", False), "data", {}), old) == [
        f"immutable: Forbidden: {SEALED}",
        f"data: Forbidden: {SEALED}",
    ]


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("Opaque", {}, []),
        ("kubernetes.io/tls", {}, ["data[tls.crt]: Required value", "data[tls.key]: Required value"]),
        ("kubernetes.io/ssh-auth", {"ssh-privatekey": ""}, ["data[ssh-privatekey]: Required value"]),
        ("kubernetes.io/basic-auth", {"username": "u"}, []),
        ("kubernetes.io/basic-auth", {}, ["data[username]: Required value", "data[password]: Required value"]),
        ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": "{}"}, []),
        (
            "kubernetes.io/service-account-token",
            {},
            ["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        ),
    ],
)
def test_types_of_secrets(kind: str, data: dict[str, str], expected: list[str]) -> None:
    assert judged(a_document("Secret", type=kind, stringData=data)) == expected


def test_a_secret_is_never_shown() -> None:
    document = a_document("Secret", type="kubernetes.io/dockercfg", stringData={".dockercfg": "hidden"})

    (found,) = judged(document)

    assert found.startswith('data[.dockercfg]: Invalid value: "<secret contents redacted>": ')
    assert "hidden" not in found


def test_the_type_of_a_secret_is_immutable() -> None:
    old = a_document("Secret", type="Opaque")

    assert judged_update(changed(old, "type", "example.com/x"), old) == [
        'type: Invalid value: "example.com/x": field is immutable'
    ]


def test_the_phase_of_a_namespace_follows_its_deletion() -> None:
    live = a_document("Namespace")
    gone = changed(live, "metadata.deletionTimestamp", "2026-01-01T00:00:00Z")

    assert judged_status(live, live) == []
    assert judged_status(changed(gone, "status.phase", "Terminating"), gone) == []
    assert judged_status(changed(live, "status.phase", "Terminating"), live) == [
        "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
    ]


def test_finalizers_of_a_namespace() -> None:
    assert judged(a_document("Namespace", spec={"finalizers": ["kubernetes"]})) == []
    assert judged(a_document("Namespace", spec={"finalizers": ["mine"]})) == [
        'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'
    ]


def test_service_accounts() -> None:
    assert judged(a_document("ServiceAccount")) == []
    assert judged_update(a_document("ServiceAccount"), a_document("ServiceAccount")) == []


@pytest.mark.parametrize(
    ("taints", "expected"),
    [
        ([{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}], []),
        ([{"key": "a", "effect": ""}], ["metadata.taints[0].effect: Required value"]),
        (
            [{"key": "a", "effect": "NoExecute"}] * 2,
            [
                (
                    'metadata.taints[1]: Duplicate value: core.Taint{Key:"a", Value:"", Effect:"NoExecute", '
                    "TimeAdded:<nil>}: taints must be unique by key and effect pair"
                )
            ],
        ),
    ],
)
def test_taints(taints: list[dict[str, Any]], expected: list[str]) -> None:
    assert judged(changed(NODE, "spec.taints", taints)) == expected
    assert judged_update(changed(NODE, "spec.taints", taints), NODE) == expected


def test_what_identifies_a_node_stays() -> None:
    old = changed(NODE, "spec", {"podCIDRs": ["192.0.2.0/24"], "providerID": "a"})

    assert judged_update(old, NODE) == []
    assert judged_update(NODE, old) == [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
        'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ]


def test_ranges_and_resources_of_a_node() -> None:
    node = changed(NODE, "spec.podCIDRs", ["192.0.2.0/24", "198.51.100.0/24"])

    assert judged(node) == [
        (
            'spec.podCIDRs: Invalid value: []string{"192.0.2.0/24", "198.51.100.0/24"}: may specify no more '
            "than one CIDR for each IP family"
        )
    ]
    assert judged(changed(NODE, "status", {"capacity": {"pods": "1500m"}, "allocatable": {"cpu": "-1"}})) == [
        "status.capacity.pods: Invalid value: 1500m: must be an integer",
        'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
    ]


def test_addresses_of_a_node_are_unique() -> None:
    addresses = [{"type": "InternalIP", "address": "192.0.2.1"}] * 2

    assert judged_status(changed(NODE, "status", {"addresses": addresses}), NODE) == [
        'status.addresses[1]: Duplicate value: core.NodeAddress{Type:"InternalIP", Address:"192.0.2.1"}'
    ]


def an_event(**fields: Any) -> dict[str, Any]:
    return a_document("Event", **{"involvedObject": {"namespace": "default"}, **fields})


def test_an_event_is_in_the_namespace_of_what_it_tells_of() -> None:
    mismatch = 'involvedObject.namespace: Invalid value: "other": does not match event.namespace'

    assert judged(an_event()) == []
    assert judged(an_event(involvedObject={})) == []
    assert judged(an_event(involvedObject={"namespace": "other"})) == [mismatch]
    assert judged_update(an_event(involvedObject={"namespace": "other"}), an_event()) == [mismatch]


def test_an_event_of_the_new_form_says_who_reports() -> None:
    found = judged(an_event(eventTime="2026-01-01T00:00:00.000000Z"))

    assert [text for text in found if "Required" in text] == [
        "reportingController: Required value",
        "reportingInstance: Required value",
        "action: Required value",
        "reason: Required value",
    ]
    whole = {"reportingComponent": "a.example/b", "reportingInstance": "i", "action": "a", "reason": "r"}
    assert judged(an_event(eventTime="2026-01-01T00:00:00.000000Z", **whole)) == []
