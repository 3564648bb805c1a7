"""The OpenAPI documents: what kubectl looks up in them, and that they hold together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from statefleet.gateway import discovery, openapi
from statefleet.gateway.openapi.comments import read_comments

APPS = "io.k8s.api.apps.v1."
CORE = "io.k8s.api.core.v1."
META = "io.k8s.apimachinery.pkg.apis.meta.v1."


def document(path: str) -> dict[str, Any]:
    body = openapi.v3(path)
    assert body is not None
    found: dict[str, Any] = orjson.loads(body)
    return found


def schemas(path: str) -> dict[str, Any]:
    found: dict[str, Any] = document(path)["components"]["schemas"]
    return found


def everything() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "v2", orjson.loads(openapi.v2_json())
    for path in openapi.v3_index()["paths"]:
        yield path, document(path)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def reference(schema: dict[str, Any]) -> str:
    """Return the name of the schema that a property refers to."""
    (inner,) = schema["allOf"]
    name: str = inner["$ref"].removeprefix("#/components/schemas/")
    return name


@pytest.mark.surface("requests.apply-openapi")
def test_the_index_leads_to_a_document_of_every_group_version():
    paths = openapi.v3_index()["paths"]
    assert set(paths) == set(discovery.group_versions())
    for path, entry in paths.items():
        url, _, query = entry["serverRelativeURL"].partition("?")
        assert url == f"/openapi/v3/{path}"
        assert query == f"hash={openapi.content_hash()}"
    assert openapi.v3("apis/batch/v1") is None
    assert openapi.v3("") is None


def test_a_document_is_built_once():
    assert openapi.v3("apis/policy/v1") is openapi.v3("apis/policy/v1")


@pytest.mark.parametrize(
    ("path", "found"), list(everything()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_reference_leads_to_a_schema_and_every_schema_is_described(path, found):
    prefix = "#/definitions/" if path == "v2" else "#/components/schemas/"
    defined = found["definitions"] if path == "v2" else found["components"]["schemas"]
    targets = {target.removeprefix(prefix) for target in references(found)}
    assert targets <= set(defined)
    assert [name for name, schema in defined.items() if not schema["description"]] == []
    lacking = [
        f"{name}.{field}"
        for name, schema in defined.items()
        for field, shape in schema.get("properties", {}).items()
        if not shape["description"]
    ]
    assert lacking == []


def test_explain_finds_the_kind_by_the_url_of_its_collection():
    paths = document("apis/apps/v1")["paths"]
    operation = paths["/apis/apps/v1/namespaces/{namespace}/statefulsets"]["get"]
    assert operation["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "StatefulSet"}
    assert operation["x-kubernetes-action"] == "list"
    core = document("api/v1")["paths"]
    assert core["/api/v1/nodes/{name}"]["get"]["x-kubernetes-group-version-kind"]["kind"] == "Node"
    assert "/api/v1/namespaces/{namespace}/nodes" not in core


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1"])
def test_a_kind_names_its_group_and_version(version):
    schema = schemas(f"apis/apps/{version}")[f"io.k8s.api.apps.{version}.StatefulSet"]
    assert schema["x-kubernetes-group-version-kind"] == [{"group": "apps", "version": version, "kind": "StatefulSet"}]
    assert list(schema["properties"])[:2] == ["apiVersion", "kind"]
    spec = reference(schema["properties"]["spec"])
    assert spec == (f"{APPS}StatefulSetSpec" if version != "v1beta1" else "io.k8s.api.apps.v1beta1.StatefulSetSpec")


def test_old_versions_do_not_require_what_they_have_defaults_for():
    beta = schemas("apis/apps/v1beta1")["io.k8s.api.apps.v1beta1.StatefulSetSpec"]
    current = schemas("apis/apps/v1")[f"{APPS}StatefulSetSpec"]
    assert (beta["required"], current["required"]) == (["template"], ["selector", "template"])
    assert beta["properties"] == current["properties"]
    extensions = schemas("apis/extensions/v1beta1")["io.k8s.api.extensions.v1beta1.DaemonSetSpec"]
    assert extensions["required"] == ["template"]
    assert extensions["properties"]["templateGeneration"]["type"] == "integer"
    assert "templateGeneration" not in schemas("apis/apps/v1")[f"{APPS}DaemonSetSpec"]["properties"]


def test_apply_learns_that_the_server_validates_fields_and_takes_strategic_patches():
    for path in discovery.group_versions():
        for url, item in document(path)["paths"].items():
            if "patch" not in item:
                continue
            names = {parameter["name"] for parameter in item["patch"]["parameters"]}
            assert {"fieldValidation", "dryRun", "fieldManager", "force"} <= names, url
            assert "application/strategic-merge-patch+json" in item["patch"]["requestBody"]["content"]


def test_patches_find_how_lists_merge():
    containers = schemas("apis/apps/v1")[f"{CORE}PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-patch-strategy"] == "merge"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["items"] == {"$ref": f"#/components/schemas/{CORE}Container"}
    pod_spec = schemas("api/v1")[f"{CORE}PodSpec"]["properties"]
    assert pod_spec["volumes"]["x-kubernetes-patch-strategy"] == "merge,retainKeys"
    assert schemas("api/v1")[f"{CORE}Container"]["properties"]["command"]["x-kubernetes-list-type"] == "atomic"
    ports = schemas("api/v1")[f"{CORE}ServiceSpec"]["properties"]["ports"]
    assert ports["x-kubernetes-list-map-keys"] == ["port", "protocol"]
    meta = schemas("api/v1")[f"{META}ObjectMeta"]["properties"]
    assert meta["finalizers"]["x-kubernetes-list-type"] == "set"
    assert "x-kubernetes-list-type" not in meta["labels"]


def test_required_fields_are_those_of_kubernetes():
    apps = schemas("apis/apps/v1")
    assert apps[f"{APPS}StatefulSetSpec"]["required"] == ["selector", "template"]
    assert apps[f"{CORE}Container"]["required"] == ["name"]
    assert apps[f"{CORE}PodSpec"]["required"] == ["containers"]
    assert apps[f"{CORE}HTTPGetAction"]["required"] == ["port"]
    assert "required" not in apps[f"{APPS}StatefulSet"]


def test_values_that_json_writes_in_their_own_way():
    found = schemas("api/v1")
    assert found[f"{META}Time"]["format"] == "date-time"
    assert found["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["format"] == "int-or-string"
    assert found["io.k8s.apimachinery.pkg.api.resource.Quantity"]["oneOf"] == [{"type": "string"}, {"type": "number"}]
    requests = found[f"{CORE}ResourceRequirements"]["properties"]["requests"]
    quantity = "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"
    assert (requests["type"], requests["additionalProperties"]) == ("object", {"$ref": quantity})
    assert found[f"{CORE}Secret"]["properties"]["data"]["additionalProperties"] == {
        "type": "string",
        "format": "byte",
    }
    assert schemas("apis/apps/v1")["io.k8s.apimachinery.pkg.runtime.RawExtension"]["type"] == "object"


def test_inlined_messages_stand_among_their_parents_fields():
    volume = schemas("api/v1")[f"{CORE}Volume"]["properties"]
    assert {"name", "emptyDir", "configMap"} <= set(volume)
    assert "volumeSource" not in volume


def test_subresources_speak_their_own_kinds():
    core = document("api/v1")["paths"]
    eviction = core["/api/v1/namespaces/{namespace}/pods/{name}/eviction"]
    assert set(eviction) == {"post", "parameters"}
    assert eviction["post"]["x-kubernetes-group-version-kind"]["kind"] == "Eviction"
    assert [parameter["name"] for parameter in eviction["parameters"]] == ["namespace", "name"]
    scale = document("apis/apps/v1")["paths"]["/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}/scale"]
    assert scale["put"]["x-kubernetes-group-version-kind"] == {
        "group": "autoscaling",
        "version": "v1",
        "kind": "Scale",
    }
    assert set(core["/api/v1/namespaces/{name}/finalize"]) == {"put", "parameters"}


def test_metrics_are_read_one_by_one_in_a_namespace_and_everywhere():
    root = "/apis/metrics.k8s.io/v1beta1"
    paths = document("apis/metrics.k8s.io/v1beta1")["paths"]
    assert {path.removeprefix(root): sorted(set(found) - {"parameters"}) for path, found in paths.items()} == {
        f"{plural}{name}": ["get"]
        for plural in ("/nodes", "/namespaces/{namespace}/pods")
        for name in ("", "/{name}")
    } | {"/pods": ["get"]}
    names = schemas("apis/metrics.k8s.io/v1beta1")
    assert "io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetricsList" in names
    assert names["io.k8s.metrics.pkg.apis.metrics.v1beta1.ContainerMetrics"]["required"] == ["name", "usage"]


def test_operation_ids_are_unique():
    for path, found in everything():
        ids = [
            operation["operationId"]
            for item in found["paths"].values()
            for method, operation in item.items()
            if method != "parameters"
        ]
        assert len(ids) == len(set(ids)), path


def test_v2_says_the_same_of_the_schemas():
    found = orjson.loads(openapi.v2_json())
    assert found["swagger"] == "2.0"
    newer = schemas("apis/apps/v1")[f"{APPS}StatefulSetSpec"]
    older = found["definitions"][f"{APPS}StatefulSetSpec"]
    assert set(older["properties"]) == set(newer["properties"])
    assert older["required"] == newer["required"]
    assert older["properties"]["template"]["$ref"] == f"#/definitions/{CORE}PodTemplateSpec"
    update = found["paths"]["/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"]["put"]
    assert update["parameters"][-1]["schema"] == {"$ref": f"#/definitions/{APPS}StatefulSet"}


def test_comments_are_joined_to_paragraphs():
    comments = read_comments(openapi.descriptors())
    assert "\n" not in comments["statefleet.api.apps.v1.StatefulSetSpec.replicas"]
    assert comments["statefleet.api.apps.v1.StatefulSetSpec.replicas"].startswith("How many pods to run.")
    assert comments["statefleet.api.core.v1.Pod"]


def test_nothing_is_built_before_somebody_asks():
    code = "import sys, statefleet.gateway.openapi; print('statefleet.gateway.openapi.documents' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
