"""Discovery: what kubectl is told of groups, versions, kinds, verbs and subresources."""

from __future__ import annotations

from typing import Any

import pytest

from statefleet.gateway import discovery, unserved
from statefleet.objects.kinds import KINDS, STORAGE_CLASS

ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def entries(group: str, version: str) -> dict[str, dict[str, Any]]:
    listed = discovery.resources(group, version)
    assert listed is not None
    return {entry["name"]: entry for entry in listed["resources"]}


def aggregated_resources() -> dict[tuple[str, str, str], dict[str, Any]]:
    return {
        (item["metadata"].get("name", ""), version["version"], resource["resource"]): resource
        for core in (True, False)
        for item in discovery.aggregated(core=core)["items"]
        for version in item["versions"]
        for resource in version["resources"]
    }


def test_the_core_group_has_version_v1():
    document = discovery.core_versions("10.0.0.1:6443")
    assert document["kind"] == "APIVersions"
    assert document["versions"] == ["v1"]
    assert document["serverAddressByClientCIDRs"] == [{"clientCIDR": "0.0.0.0/0", "serverAddress": "10.0.0.1:6443"}]


@pytest.mark.surface("versions.preferred", "versions.order-and-no-category-all")
def test_groups_prefer_v1_and_list_old_versions_after_it():
    groups = {entry["name"]: entry for entry in discovery.groups()["groups"]}
    assert [version["version"] for version in groups["apps"]["versions"]] == ["v1", "v1beta2", "v1beta1"]
    assert [version["version"] for version in groups["policy"]["versions"]] == ["v1", "v1beta1"]
    for name in ("apps", "policy", "storage.k8s.io", "discovery.k8s.io"):
        assert groups[name]["preferredVersion"] == {"groupVersion": f"{name}/v1", "version": "v1"}


@pytest.mark.surface("versions.order-and-no-category-all")
def test_a_group_of_only_old_versions_comes_last():
    assert discovery.groups()["groups"][-1]["name"] == "extensions"
    assert discovery.aggregated(core=False)["items"][-1]["metadata"]["name"] == "extensions"


def test_a_group_is_found_by_name_and_an_unknown_one_is_not():
    apps = discovery.group("apps")
    assert apps is not None
    assert (apps["kind"], apps["apiVersion"], apps["name"]) == ("APIGroup", "v1", "apps")
    assert discovery.group("batch") is None
    assert discovery.group("") is None
    assert discovery.resources("apps", "v2") is None
    assert discovery.resources("batch", "v1") is None


@pytest.mark.surface("traps.discovery-eviction")
def test_drain_finds_the_eviction_subresource_with_its_own_group():
    assert entries("", "v1")["pods/eviction"] == {
        "name": "pods/eviction",
        "singularName": "",
        "namespaced": True,
        "group": "policy",
        "version": "v1",
        "kind": "Eviction",
        "verbs": ["create"],
    }


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1"])
def test_scale_speaks_autoscaling_in_every_version(version):
    scale = entries("apps", version)["statefulsets/scale"]
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")
    assert scale["verbs"] == ["get", "patch", "update"]


def test_subresources_of_the_kinds_own_shape_name_no_group():
    status = entries("apps", "v1")["statefulsets/status"]
    assert "group" not in status
    assert (status["kind"], status["verbs"]) == ("StatefulSet", ["get", "patch", "update"])
    assert entries("", "v1")["namespaces/finalize"]["verbs"] == ["update"]


def test_kinds_have_all_verbs_but_namespaces_are_deleted_one_by_one():
    assert entries("apps", "v1")["daemonsets"]["verbs"] == ALL_VERBS
    assert entries("", "v1")["nodes"]["verbs"] == ALL_VERBS
    assert "deletecollection" not in entries("", "v1")["namespaces"]["verbs"]


def test_names_scope_and_categories_are_those_of_the_kind():
    assert entries("apps", "v1")["statefulsets"] == {
        "name": "statefulsets",
        "singularName": "statefulset",
        "namespaced": True,
        "kind": "StatefulSet",
        "verbs": ALL_VERBS,
        "shortNames": ["sts"],
        "categories": ["all"],
    }
    assert not entries("", "v1")["persistentvolumes"]["namespaced"]


@pytest.mark.surface("versions.order-and-no-category-all")
def test_get_all_meets_no_old_version_and_no_short_name_is_ambiguous():
    for (_, version, _), resource in aggregated_resources().items():
        if version.startswith("v1beta"):
            assert "categories" not in resource
            assert "shortNames" not in resource
    assert "categories" not in entries("extensions", "v1beta1")["daemonsets"]
    assert "shortNames" not in entries("extensions", "v1beta1")["daemonsets"]


def test_group_versions_are_found_by_their_path():
    paths = discovery.group_versions()
    assert paths["api/v1"] == ("", "v1")
    assert paths["apis/extensions/v1beta1"] == ("extensions", "v1beta1")
    assert [item.kind for item in discovery.served_in("storage.k8s.io", "v1")] == [STORAGE_CLASS]
    assert discovery.served_in("batch", "v1") == ()


def test_metrics_of_nodes_and_pods_are_read_alone():
    found = entries("metrics.k8s.io", "v1beta1")
    assert {name: (entry["kind"], entry["namespaced"]) for name, entry in found.items()} == {
        "nodes": ("NodeMetrics", False),
        "pods": ("PodMetrics", True),
    }
    assert all(entry["verbs"] == ["get", "list"] for entry in found.values())


def test_what_is_not_served_is_not_listed():

    assert not [name for name in entries("", "v1") if tuple(name.split("/")) in unserved.SUBRESOURCES]


@pytest.mark.surface("traps.discovery")
def test_the_aggregated_documents_say_the_same_as_the_plain_ones():
    found = aggregated_resources()
    for group, version, plural in found:
        plain = entries(group, version)
        resource = found[group, version, plural]
        assert resource["verbs"] == plain[plural]["verbs"]
        assert resource["responseKind"]["kind"] == plain[plural]["kind"]
        assert resource["singularResource"] == plain[plural]["singularName"]
        assert (resource["scope"] == "Namespaced") == plain[plural]["namespaced"]
        assert resource.get("shortNames") == plain[plural].get("shortNames")
        assert resource.get("categories") == plain[plural].get("categories")
        for sub in resource.get("subresources", ()):
            entry = plain[f"{plural}/{sub['subresource']}"]
            assert sub["verbs"] == entry["verbs"]
            expected = {
                "group": entry.get("group", group),
                "version": entry.get("version", version),
                "kind": entry["kind"],
            }
            assert sub["responseKind"] == expected
    kinds = {plural for _, _, plural in found}
    assert {kind.plural for kind in KINDS.values()} <= kinds


@pytest.mark.parametrize("version", discovery.AGGREGATED_VERSIONS)
def test_the_aggregated_document_has_the_version_asked_for(version):
    document = discovery.aggregated(core=True, version=version)
    assert document["apiVersion"] == f"apidiscovery.k8s.io/{version}"
    assert document["kind"] == "APIGroupDiscoveryList"
    assert [item["metadata"] for item in document["items"]] == [{}]
    assert document["items"][0]["versions"][0]["freshness"] == "Current"
