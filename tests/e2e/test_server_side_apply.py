"""Server-side apply, as stock kubectl does it: owners, conflicts, taking over, and the way from client-side apply."""

from __future__ import annotations

from typing import Any

import pytest

from support.kubectl import Kubectl, document
from support.manifests import service, stateful_set

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}


def apply(kubectl: Kubectl, what: Any, *options: str) -> str:
    """Apply an object that is at hand and return what kubectl says."""
    return kubectl("apply --server-side -f -", *options, stdin=document(what)).strip()


def managers(kubectl: Kubectl, what: str) -> dict[tuple[str, str], Any]:
    """Return the fields of each manager and operation."""
    entries = kubectl.json(f"{what} --show-managed-fields")["metadata"].get("managedFields", [])
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in entries}


def test_apply_adds_changes_and_leaves_alone(kubectl: Kubectl) -> None:
    assert apply(kubectl, stateful_set()) == "statefulset.apps/web serverside-applied"
    first = kubectl.json("sts web --show-managed-fields")["metadata"]
    assert apply(kubectl, stateful_set()) == "statefulset.apps/web serverside-applied"
    again = kubectl.json("sts web --show-managed-fields")["metadata"]
    assert (again["generation"], again["managedFields"]) == (1, first["managedFields"])
    apply(kubectl, stateful_set(tag="2"))
    assert kubectl.json("sts web")["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":2")


@pytest.mark.surface("requests.apply-server-side")
def test_what_one_applied_and_names_no_more_goes(kubectl: Kubectl) -> None:
    apply(kubectl, CONFIG_MAP | {"data": {"a": "1", "b": "2"}})
    apply(kubectl, CONFIG_MAP | {"data": {"b": "2", "c": "3"}}, "--field-manager=other")
    apply(kubectl, CONFIG_MAP | {"data": {}})
    assert kubectl.json("configmap settings")["data"] == {"b": "2", "c": "3"}
    owned = managers(kubectl, "configmap settings")
    assert owned["other", "Apply"] == {"f:data": {"f:b": {}, "f:c": {}}}
    assert owned["kubectl", "Apply"] == {"f:data": {}}


@pytest.mark.surface("requests.apply-server-side", "requests.patch-apply")
def test_a_field_that_another_owns_is_a_conflict_unless_forced(kubectl: Kubectl) -> None:
    apply(kubectl, stateful_set(replicas=1))
    kubectl("scale sts web --replicas=2")
    refused = kubectl.fails("apply --server-side -f -", stdin=document(stateful_set(replicas=3)))
    told = (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
    )
    assert told in refused
    apply(kubectl, stateful_set(replicas=3), "--force-conflicts")
    assert kubectl.json("sts web")["spec"]["replicas"] == 3
    assert ("kubectl", "Update") not in managers(kubectl, "sts web")


def test_several_conflicts_are_all_told(kubectl: Kubectl) -> None:
    apply(kubectl, CONFIG_MAP | {"data": {"a": "1", "b": "2", "c": "3"}}, "--field-manager=first")
    other = CONFIG_MAP | {"data": {"a": "2", "b": "3", "c": "3"}}
    refused = kubectl.fails("apply --server-side -f - --field-manager=second", stdin=document(other))
    assert 'Apply failed with 2 conflicts: conflicts with "first":\n- .data.a\n- .data.b' in refused


def test_to_set_what_another_set_alike_is_to_share_it(kubectl: Kubectl) -> None:
    apply(kubectl, CONFIG_MAP | {"data": {"a": "1"}}, "--field-manager=first")
    apply(kubectl, CONFIG_MAP | {"data": {"a": "1"}}, "--field-manager=second")
    owned = managers(kubectl, "configmap settings")
    assert owned["first", "Apply"] == owned["second", "Apply"] == {"f:data": {"f:a": {}}}


def test_an_update_takes_fields_over(kubectl: Kubectl) -> None:
    apply(kubectl, stateful_set())
    kubectl("set image sts/web app=registry.example/app:9")
    container = managers(kubectl, "sts web")["kubectl-set", "Update"]["f:spec"]["f:template"]["f:spec"][
        "f:containers"
    ]
    assert container == {'k:{"name":"app"}': {"f:image": {}}}
    assert '.spec.template.spec.containers[name="app"].image' in kubectl.fails(
        "apply --server-side -f -", stdin=document(stateful_set())
    )


def test_from_client_side_apply_to_server_side_and_back(kubectl: Kubectl) -> None:
    kubectl.apply(stateful_set(tag="1"))
    assert ("kubectl-client-side-apply", "Update") in managers(kubectl, "sts web")
    assert apply(kubectl, stateful_set(tag="2")) == "statefulset.apps/web serverside-applied"
    # kubectl keeps the annotation that client-side apply goes by, as a manager of its own.
    assert set(managers(kubectl, "sts web")) == {("kubectl", "Apply"), ("kubectl-last-applied", "Apply")}
    assert (
        ":2" in kubectl.json("sts web")["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    )
    kubectl.apply(stateful_set(tag="3"))
    assert kubectl.json("sts web")["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":3")


def test_a_dry_run_and_a_difference_change_nothing(kubectl: Kubectl) -> None:
    apply(kubectl, stateful_set(replicas=1))
    before = kubectl.json("sts web --show-managed-fields")
    wanted = document(stateful_set(replicas=2))
    assert "(server dry run)" in kubectl("apply --server-side --dry-run=server -f -", stdin=wanted)
    difference = kubectl.run("diff --server-side -f -", stdin=wanted)
    assert (difference.code, "+  replicas: 2" in difference.output) == (1, True), difference
    after = kubectl.json("sts web --show-managed-fields")
    assert after["spec"] == before["spec"]
    assert after["metadata"]["managedFields"] == before["metadata"]["managedFields"]
    assert kubectl.run("diff --server-side -f -", stdin=document(stateful_set(replicas=1))).code == 0


def test_a_service_and_its_ports_are_applied_by_port_and_protocol(kubectl: Kubectl) -> None:
    wanted = service()
    wanted["spec"]["ports"] = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53}]
    apply(kubectl, wanted)
    del wanted["spec"]["ports"][0]
    apply(kubectl, wanted)
    assert [port["protocol"] for port in kubectl.json("service web")["spec"]["ports"]] == ["TCP"]


def test_an_unknown_field_is_refused_as_kubernetes_refuses_it(kubectl: Kubectl) -> None:
    wanted = stateful_set()
    wanted["spec"]["bogus"] = 1
    refused = kubectl.fails("apply --server-side --validate=false -f -", stdin=document(wanted))
    assert ".spec.bogus: field not declared in schema" in refused


def test_a_status_is_applied_apart(kubectl: Kubectl) -> None:
    apply(kubectl, CONFIG_MAP)
    refused = kubectl.fails("apply --server-side --subresource=status -f -", stdin=document(stateful_set()))
    assert "not found" in refused
    apply(kubectl, stateful_set(replicas=0))
    condition = {"type": "Audited", "status": "True"}
    wanted = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}}
    apply(
        kubectl,
        wanted | {"status": {"replicas": 0, "conditions": [condition]}},
        "--subresource=status",
        "--field-manager=auditor",
    )
    entries = kubectl.json("sts web --show-managed-fields")["metadata"]["managedFields"]
    audited = next(entry for entry in entries if entry["manager"] == "auditor")
    assert (audited["subresource"], list(audited["fieldsV1"])) == ("status", ["f:status"])


def test_managed_fields_are_shown_only_on_request(kubectl: Kubectl) -> None:
    apply(kubectl, CONFIG_MAP | {"data": {"a": "1"}})
    assert "managedFields" not in kubectl("get configmap settings -o yaml")
    assert "manager: kubectl" in kubectl("get configmap settings -o yaml --show-managed-fields")
